"""Where Redis is, as people write it."""

import pytest

from kronstream.domain import redisurl


@pytest.mark.parametrize(
    ("url", "hosts", "name", "tls", "server"),
    [
        ("redis+sentinel://h/main", (("h", 26379),), "main", False, "redis://primary/0"),
        ("redis+sentinel://h:1,i:2/a.b-c_D/7", (("h", 1), ("i", 2)), "a.b-c_D", False, "redis://primary/7"),
        ("rediss+sentinel://u:p@[::1]:5/m?ssl_ca_certs=/x", (("::1", 5),), "m", True,
         "rediss://u:p@primary/0?ssl_ca_certs=%2Fx"),
        ("redis+sentinel://:p@h/m/0?sentinel_password=s&db=2", (("h", 26379),), "m", False,
         "redis://:p@primary/0?db=2"),
    ],
)  # fmt: skip
def test_an_address_of_sentinels(
    url: str, hosts: tuple[tuple[str, int], ...], name: str, tls: bool, server: str
) -> None:
    found = redisurl.sentinels(url)

    assert found is not None
    assert (found.hosts, found.name, found.tls) == (hosts, name, tls)
    assert found.server.replace("%2F", "/") == server.replace("%2F", "/")
    assert redisurl.checked(url) == url


@pytest.mark.parametrize("url", ["redis://h:1/0", "rediss://u:p@h", "unix:///run/x.sock?db=1"])
def test_an_address_of_a_server(url: str) -> None:
    assert redisurl.sentinels(url) is None
    assert redisurl.checked(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://h:26379",
        "redis+sentinel://h:26379/",
        "redis+sentinel://h:26379/0/main",
        "redis+sentinel:///main",
        "redis+sentinel://h,,i/main",
        "redis+sentinel://h:0/main",
        "redis+sentinel://h:65536/main",
        "redis+sentinel://h:x/main",
        "redis+sentinel://h/main/x",
        "redis+sentinel://h/main/0/1",
        "redis+sentinel://u:hunter2@h b/main",
        f"redis+sentinel://{','.join(f'h{number}' for number in range(33))}/main",
        "unix+sentinel://h/main",
        "sentinel://h/main",
        "http://hunter2",
        "redis://[::1",
    ],
)
def test_what_is_no_address_is_refused_with_the_forms(url: str) -> None:
    with pytest.raises(ValueError, match=r"redis\+sentinel://\[user:password@\]host:26379,host:26379/name") as caught:
        redisurl.checked(url)
    assert "hunter2" not in str(caught.value)


def test_the_login_of_the_sentinels_is_theirs_alone() -> None:
    url = "redis+sentinel://h/main/0?db=1"

    said = redisurl.with_sentinel_login(redisurl.with_login(url, "u", "p/w"), "", "s p")

    assert said == "redis+sentinel://u:p%2Fw@h/main/0?db=1&sentinel_password=s%20p"
    assert redisurl.sentinel_login(said) == ("", "s p")
    assert redisurl.with_sentinel_login(said, "other", "other") == said
    assert redisurl.with_sentinel_login("redis://h", "u", "p") == "redis://h"


@pytest.mark.parametrize(
    ("url", "username", "password", "found"),
    [
        ("redis://h/0", "", "", "redis://h/0"),
        ("redis://u:p@h/0", "other", "word", "redis://u:p@h/0"),
        ("redis://h/0", "u", "p@/%", "redis://u:p%40%2F%25@h/0"),
        ("redis+sentinel://h,i/m", "", "p", "redis+sentinel://:p@h,i/m"),
    ],
)
def test_a_login_is_that_of_the_url_or_becomes_a_part_of_it(url: str, username: str, password: str, found: str) -> None:
    assert redisurl.with_login(url, username, password) == found


def test_messages_name_the_sentinels_and_no_login() -> None:
    found = redisurl.sentinels("redis+sentinel://u:hunter2@h,[::1]:5/m")
    assert found is not None
    assert repr(found) == "Sentinels(h:26379, [::1]:5)"
    assert "hunter2" not in f"{found} {found!r}"
