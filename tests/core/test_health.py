"""Back-off of lost channels."""

from xenparley.negotiation.health import LONGEST_RETRY_S, Health


def test_a_lost_channel_is_tried_again_later_and_later():
    health = Health()
    assert health.healthy
    assert not health.due(0.0)
    now, waits = 100.0, []
    for _ in range(9):
        health.failed(now)
        wait = health.retry_in(now)
        waits.append(wait)
        assert not health.healthy
        assert not health.due(now)
        now += wait
        assert health.due(now)
    assert waits == sorted(waits)
    assert waits[:3] == [1.0, 2.0, 4.0]
    assert waits[-1] == LONGEST_RETRY_S
    assert health.failures == 9


def test_one_good_answer_forgets_it_all():
    health = Health()
    health.failed(0.0)
    health.failed(1.0)
    health.recovered()
    assert health.healthy
    assert health.retry_in(5.0) is None
    health.failed(10.0)
    assert health.retry_in(10.0) == 1.0
