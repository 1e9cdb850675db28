"""A member of a consumer group that is spoken for request by request.

A test can stop anywhere between two of them; aiokafka's own members rebalance in one step.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import errors as kafka
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.group import (
    HeartbeatRequest,
    JoinGroupRequest,
    LeaveGroupRequest,
    SyncGroupRequest,
)

from rak_libs.kafka.positions import Start
from rak_libs.runtime.settings import KafkaSettings

Error = type[kafka.KafkaError]
_ASK_AGAIN = (
    kafka.MemberIdRequired,
    # While the topic is made and loaded where Kafka keeps groups.
    kafka.NotCoordinatorForGroupError,
    kafka.GroupCoordinatorNotAvailableError,
    kafka.GroupLoadInProgressError,
)


class GroupMember:
    """One member, its own connection, partition 0 of one topic.

    Attributes:
        generation: The one it joined last, -1 before.
        member_id: As the broker named it, empty before.
    """

    def __init__(self, client: AIOKafkaClient, group: str, topic: str, session_ms: int) -> None:
        self.generation = -1
        self.member_id = ""
        self._client = client
        self._group = group
        self._topic = topic
        self._session_ms = session_ms

    async def _ask(self, request: Any) -> Any:
        return await self._client.send(self._client.get_random_node(), request)

    async def join(self) -> None:
        """Return when every member of the group has joined, or is given up."""
        subscribed = ConsumerProtocolMemberMetadata(0, [self._topic], b"").encode()
        error = kafka.NotCoordinatorForGroupError
        while error in _ASK_AGAIN:
            answer = await self._ask(
                JoinGroupRequest(
                    self._group,
                    self._session_ms,
                    30_000,
                    self.member_id,
                    None,
                    "consumer",
                    [("range", subscribed)],
                )
            )
            error = kafka.for_code(answer.error_code)
            self.member_id = answer.member_id
        assert error is kafka.NoError, error
        self.generation = answer.generation_id
        self._members = [member[0] for member in answer.members]

    async def sync(self) -> None:
        """Take what the leader gave; the leader, who alone knows the members, gives nothing."""
        given = [(member, b"") for member in self._members]
        answer = await self._ask(
            SyncGroupRequest(self._group, self.generation, self.member_id, None, given)
        )
        assert kafka.for_code(answer.error_code) is kafka.NoError

    async def heartbeat(self) -> Error:
        """Stay in the group."""
        answer = await self._ask(HeartbeatRequest(self._group, self.generation, self.member_id))
        return kafka.for_code(answer.error_code)

    async def leave(self) -> None:
        """Leave the group."""
        await self._ask(LeaveGroupRequest(self._group, self.member_id))

    async def commit(
        self, start: Start, generation: int | None = None, member_id: str | None = None
    ) -> Error:
        """Commit an offset with a note, as this member unless told otherwise."""
        answer = await self._ask(
            OffsetCommitRequest(
                self._group,
                self.generation if generation is None else generation,
                self.member_id if member_id is None else member_id,
                OffsetCommitRequest.DEFAULT_RETENTION_TIME,
                [(self._topic, [(0, *start)])],
            )
        )
        ((_, ((_, code),)),) = answer.topics
        return kafka.for_code(code)

    async def committed(self) -> Start | None:
        """What the group has committed.

        Raises:
            kafka.KafkaError: the coordinator does not know, or not yet.
        """
        answer = await self._ask(OffsetFetchRequest(self._group, [(self._topic, [0])]))
        if answer.error_code:
            raise kafka.for_code(answer.error_code)
        ((_, ((_, offset, note, code),)),) = answer.topics
        if code:
            raise kafka.for_code(code)
        return Start(offset, note) if offset >= 0 else None


@contextlib.asynccontextmanager
async def member(
    settings: KafkaSettings, topic: str, group: str = "", session_ms: int = 120_000
) -> AsyncIterator[GroupMember]:
    """Connect a member that has not joined yet, of the group `<topic>-group` or another."""
    group = group or f"{topic}-group"
    client = AIOKafkaClient(bootstrap_servers=settings.bootstrap_servers)
    await client.bootstrap()
    try:
        await _find_coordinator(client, group)
        yield GroupMember(client, group, topic, session_ms)
    finally:
        await client.close()


async def _find_coordinator(client: AIOKafkaClient, group: str) -> None:
    """Ask for it, which makes the topic where Kafka keeps groups when it is the first time."""
    with contextlib.suppress(kafka.GroupCoordinatorNotAvailableError):
        await client.coordinator_lookup(CoordinationType.GROUP, group)
