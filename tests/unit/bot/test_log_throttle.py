from bot.log_throttle import LogThrottle


def test_a_reason_is_reported_once_an_interval_with_how_often_it_came() -> None:
    now_s = 100.0
    throttle = LogThrottle(interval_s=10, monotonic=lambda: now_s)
    assert [throttle.count("a"), throttle.count("a"), throttle.count("b"), throttle.count("a")] == [1, 0, 1, 0]
    now_s = 110.0
    assert [throttle.count("a"), throttle.count("a")] == [3, 0]
    now_s = 130.0
    assert throttle.count("a") == 2
