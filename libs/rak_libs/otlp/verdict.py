from dataclasses import dataclass, field


@dataclass(slots=True)
class Verdict:
    """What the checks of a request found.

    Attributes:
        accepted: Items left in the request.
        rejected: Items removed, by reason; the kinds of items say which reasons there are.
        changed: Whether the request was changed, so that its original bytes no longer say it.
        warnings: What was accepted and will not be stored as sent, by reason.
    """

    accepted: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    changed: bool = False
    warnings: dict[str, int] = field(default_factory=dict)

    def reject(self, reason: str, items: int = 1) -> None:
        """Count items that were removed; none is no reason."""
        if items:
            self.rejected[reason] = self.rejected.get(reason, 0) + items
            self.changed = True

    def warn(self, reason: str, items: int = 1) -> None:
        """Count items that stay, but not as sent; none is no reason."""
        if items:
            self.warnings[reason] = self.warnings.get(reason, 0) + items
