import base64

import pytest

from fauxto.core.errors import RecipeError
from fauxto.serve.access import (
    RateLimit,
    add_key,
    client_name,
    find_owner,
    hash_key,
    loopback_hosts,
    read_keys,
)
from fauxto.serve.problems import ProblemError


def test_a_new_key_opens_and_only_its_hash_is_stored(tmp_path):
    path = tmp_path / "keys"
    key = add_key(path, "news desk")
    assert key not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    keys = read_keys(path)
    assert keys == {"news desk": hash_key(key)}
    assert find_owner(keys, f"Bearer {key}") == "news desk"
    basic = base64.b64encode(f"anyone:{key}".encode()).decode()
    assert find_owner(keys, f"Basic {basic}") == "news desk"


def test_keys_of_several_owners_are_told_apart(tmp_path):
    path = tmp_path / "keys"
    made = {name: add_key(path, name) for name in ("a", "b", "c")}
    keys = read_keys(path)
    assert {find_owner(keys, f"bearer {key}") for key in made.values()} == {"a", "b", "c"}


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer wrong", "Basic %%%", "Basic eA==", "Digest x", "Basic /w=="],
)
def test_a_missing_or_wrong_key_is_refused(header):
    with pytest.raises(ProblemError, match="key_needed"):
        find_owner({"a": hash_key("right")}, header)


def test_the_hash_itself_is_no_key():
    digest = hash_key("right")
    with pytest.raises(ProblemError):
        find_owner({"a": digest}, f"Bearer {digest}")


@pytest.mark.parametrize("text", ["", "# only words\n", "name nothash\n", f"{'0' * 64}\n"])
def test_a_file_without_usable_keys_is_refused_with_what_to_do(tmp_path, text):
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(RecipeError, match="--new-key"):
        read_keys(path)


def test_a_name_is_taken_once_and_must_be_readable(tmp_path):
    path = tmp_path / "keys"
    add_key(path, "a")
    with pytest.raises(RecipeError, match="already holds"):
        add_key(path, "a")
    for name in ("", "  ", "#x", "two\nlines", "a  b"):
        with pytest.raises(RecipeError, match="name"):
            add_key(path, name)
    with pytest.raises(RecipeError, match="cannot read"):
        read_keys(tmp_path / "gone")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_bucket_gives_a_minutes_worth_then_refills_evenly():
    clock = Clock()
    rate = RateLimit(6, clock)
    for _ in range(6):
        rate.admit("a")
    with pytest.raises(ProblemError) as refused:
        rate.admit("a")
    assert (refused.value.code, refused.value.retry_after_s) == ("too_many_requests", 10)
    rate.admit("b")
    clock.now = 9.9
    with pytest.raises(ProblemError):
        rate.admit("a")
    clock.now = 10.0
    rate.admit("a")
    clock.now = 10_000.0
    for _ in range(6):
        rate.admit("a")
    with pytest.raises(ProblemError):
        rate.admit("a")


def test_pictures_beyond_the_first_are_owed():
    clock = Clock()
    rate = RateLimit(6, clock)
    rate.admit("a")
    rate.owe("a", 15)
    with pytest.raises(ProblemError) as refused:
        rate.admit("a")
    assert refused.value.retry_after_s == 110  # ten owed and one to have, ten seconds each


def test_only_so_many_clients_are_remembered(monkeypatch):
    monkeypatch.setattr("fauxto.serve.access._MAX_CLIENTS", 3)
    rate = RateLimit(1, Clock())
    for name in "abcd":
        rate.admit(name)
    rate.admit("a")
    with pytest.raises(ProblemError):
        rate.admit("d")


def test_clients_are_kept_apart_by_address_and_ipv6_by_network():
    assert client_name("10.0.0.1") != client_name("10.0.0.2")
    assert client_name("2001:db8::1") == client_name("2001:db8::ffff")
    assert client_name("2001:db8::1") != client_name("2001:db8:0:1::1")
    assert client_name(None) == client_name("testclient") == "unknown"


def test_a_server_of_this_machine_alone_knows_its_names_and_others_take_any():
    assert {"localhost", "127.0.0.1", "[::1]"} <= set(loopback_hosts("127.0.0.1"))
    assert "127.0.0.2" in loopback_hosts("127.0.0.2")
    assert loopback_hosts("0.0.0.0") == ()
    assert loopback_hosts("192.168.1.4") == ()
