"""What senders of profiles are told, where it is not what all receivers say."""

from typing import Final

from rak_libs.pprof.errors import InvalidProfile, ProfileTooLarge, UndecodableProfile
from rak_libs.receiving.statuses import BAD_DATA, TOO_LARGE, StatusTable
from rak_services.pprof_receiver.errors import BadParameter

STATUSES: Final = StatusTable(
    [
        (UndecodableProfile, BAD_DATA),
        (InvalidProfile, BAD_DATA),
        (BadParameter, BAD_DATA),
        (ProfileTooLarge, TOO_LARGE),
    ]
)
