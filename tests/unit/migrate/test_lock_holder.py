"""Whether the holder of a lock is certainly gone."""

import os
import subprocess
import sys

import msgspec

from rak_services.migrate.lock import is_dead, this_process


def _exited_process_id() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_process_of_this_machine_that_has_exited_is_dead() -> None:
    holder = msgspec.structs.replace(this_process(), pid=_exited_process_id())
    assert is_dead(holder)


def test_a_running_process_is_not_dead() -> None:
    holder = msgspec.structs.replace(this_process(), pid=os.getppid())
    assert not is_dead(holder)


def test_a_process_that_others_own_is_not_dead() -> None:
    """Process 1 exists, whether or not this user may signal it."""
    assert not is_dead(msgspec.structs.replace(this_process(), pid=1))


def test_nothing_is_known_of_other_machines_and_containers() -> None:
    pid = _exited_process_id()
    elsewhere = msgspec.structs.replace(this_process(), pid=pid, host="elsewhere")
    contained = msgspec.structs.replace(this_process(), pid=pid, pid_space="pid:[1]")
    assert not is_dead(elsewhere)
    assert not is_dead(contained)


def test_this_process_id_in_an_old_lock_is_of_an_earlier_process() -> None:
    """A restarted container gets process id 1 again; it cannot wait for itself."""
    assert is_dead(this_process())


def test_a_holder_says_who_it_is() -> None:
    holder = msgspec.structs.replace(this_process(), host="node-3", pid=17)
    assert str(holder) == "process 17 on node-3"
