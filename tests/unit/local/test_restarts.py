from rak_services.local.child import describe_exit
from rak_services.local.restarts import RestartPolicy


def test_the_delay_doubles_with_each_death_within_a_minute() -> None:
    policy = RestartPolicy()
    assert [policy.after_death(now) for now in (0.0, 1.0, 3.0, 7.0)] == [0.5, 1.0, 2.0, 4.0]


def test_the_fifth_death_within_a_minute_is_the_end() -> None:
    policy = RestartPolicy()
    delays = [policy.after_death(now) for now in (0.0, 10.0, 20.0, 30.0, 60.0)]
    assert delays[4] is None
    assert None not in delays[:4]


def test_old_deaths_are_forgotten() -> None:
    policy = RestartPolicy()
    for now in (0.0, 10.0, 20.0, 30.0):
        policy.after_death(now)
    assert policy.after_death(95.0) == 0.5


def test_an_exit_is_described_by_status_or_signal() -> None:
    assert describe_exit(3) == "exit status 3"
    assert describe_exit(-9) == "killed by SIGKILL"
    assert describe_exit(-120) == "killed by signal 120"
