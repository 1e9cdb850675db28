(false)
(false)
