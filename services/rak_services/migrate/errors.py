class MigrateError(Exception):
    """Root of what can go wrong in a migration; its text is for the operator."""


class PermanentMigrateError(MigrateError):
    """Running again does not help; something must be changed first."""


class TransientMigrateError(MigrateError):
    """Running again later can succeed."""


class BadSchemaFile(PermanentMigrateError):
    """The folder of schema files is missing, or a file breaks its rules."""


class Refused(PermanentMigrateError):
    """The database does not fit the schema files: one was edited, or it has the other form."""


class Unavailable(TransientMigrateError):
    """ClickHouse or Kafka could not be reached in time."""


class LockHeld(TransientMigrateError):
    """Another runner holds the lock."""


class LockLost(TransientMigrateError):
    """This runner held the lock, and another has taken it over since."""


class MutationPending(TransientMigrateError):
    """A mutation is still running in the database."""
