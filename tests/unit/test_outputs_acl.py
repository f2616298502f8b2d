"""The files for Mosquitto: hashes, rules without holes, settings that lose nothing."""

import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.engine.errors import SpecError
from lifeline.engine.outputs.acl import AclSpec, Listener, access_rules, write_files
from lifeline.engine.outputs.passwords import (
    check_user,
    completed,
    password_file,
    password_hash,
    read_password_file,
    verifies,
)

SPEC = AclSpec(
    publishers={"gw-east": ("city-gas/east/#",), "gw-dam": ("tailings/+/data",)},
    regulators={"shushan": ("hefei/shushan",), "street": ("hefei/shushan/east",)},
    operators={"zhang": ("gas-east", "gas-west"), "street": ("gas-east",)},
)


def rules_of(user: str, spec: AclSpec = SPEC) -> list[str]:
    blocks = access_rules(spec).split("\n\n")
    (found,) = [
        b.strip().splitlines() for b in blocks if b.strip().splitlines()[0] == f"user {user}"
    ]
    return found[1:]


def test_a_hash_that_mosquitto_passwd_wrote_is_verified() -> None:
    """Written by mosquitto_passwd 2.0.11 for the password `secret`."""
    written = (
        "$7$101$Gc30eJqIXOtq3KXU$15UpiyHOpXhKOcHYBk/JKlXZMZIGQZHDGgm9Sypn15p5aTbRNVfvHmJJEEs9Vf+Y"
        "0SRMFgSQ/rv1FHCY7F2Tvw=="
    )
    assert verifies("secret", written)
    assert not verifies("Secret", written)
    assert (
        password_hash("secret", salt=base64.b64decode("Gc30eJqIXOtq3KXU"), iterations=101)
        == written
    )


@settings(max_examples=15)
@given(st.text(min_size=1), st.text(min_size=1))
def test_a_hash_fits_its_own_password_only(password: str, other: str) -> None:
    encodable = password.encode("utf-8", "ignore").decode()
    hashed = password_hash(encodable, iterations=7)
    assert verifies(encodable, hashed)
    assert verifies(other.encode("utf-8", "ignore").decode(), hashed) == (
        other.encode("utf-8", "ignore") == encodable.encode()
    )


@pytest.mark.parametrize(
    "hashed", ["", "plain", "$6$x$y", "$7$101$!$!", "$7$x$AA==$AA==", "$7$0$$"]
)
def test_other_formats_verify_nothing(hashed: str) -> None:
    assert not verifies("plain", hashed)


def test_a_password_file_reads_back_and_plain_text_is_refused() -> None:
    hashes = {"b": "$7$1$x$y", "a": "$7$1$z$w"}
    assert password_file(hashes) == "a:$7$1$z$w\nb:$7$1$x$y\n"
    assert read_password_file(password_file(hashes) + "\n# note\n") == hashes
    with pytest.raises(SpecError, match="line 1"):
        read_password_file("a:secret\n")


def test_old_users_keep_their_passwords_and_new_ones_get_random_ones() -> None:
    old = password_hash("old", iterations=3)
    hashes, made = completed(["old", "new", "given"], {"old": old, "gone": "$7$x"}, {"given": "g"})
    assert set(hashes) == {"old", "new", "given"}
    assert hashes["old"] == old
    assert list(made) == ["new"]
    assert len(made["new"]) >= 32
    assert verifies(made["new"], hashes["new"])
    assert verifies("g", hashes["given"])
    again, made_again = completed(["given"], hashes, {"given": "g"})
    assert again == {"given": hashes["given"]}
    assert made_again == {}


@pytest.mark.parametrize(
    "user", ["", " a", "a:b", "a/b", "a+", "#", "a\nuser root", "a\tb", "%u", "é" * 101]
)
def test_names_that_could_break_out_of_a_file_or_a_topic_are_refused(user: str) -> None:
    with pytest.raises(SpecError, match="broker login"):
        check_user(user)
    with pytest.raises(SpecError, match="broker login"):
        access_rules(AclSpec(operators={user: ("gas-east",)}))


def test_a_publisher_writes_its_topics_and_reads_nothing() -> None:
    assert rules_of("gw-east") == ["topic write city-gas/east/#"]


def test_an_operator_commands_only_under_its_own_name() -> None:
    writes = [rule for rule in rules_of("zhang") if " write " in rule]
    assert writes == [
        "topic write lifeline/v1/command/gas-east/zhang",
        "topic write lifeline/v1/command/gas-west/zhang",
    ]
    assert "topic read lifeline/v1/command/gas-east/zhang/reply" in rules_of("zhang")
    assert not any("/street" in rule for rule in rules_of("zhang"))


def test_a_regulator_reads_its_areas_and_may_also_be_an_operator() -> None:
    shushan = rules_of("shushan")
    assert "topic read lifeline/v1/record/hefei/shushan/+/+" in shushan
    assert "topic read lifeline/v1/alert/hefei/shushan/+/+/+/+" in shushan
    assert "topic read lifeline/v1/health/+" in shushan
    assert not any(" write " in rule for rule in shushan)
    street = rules_of("street")
    assert "topic read lifeline/v1/state/hefei/shushan/east/+/+" in street
    assert "topic write lifeline/v1/command/gas-east/street" in street


def test_nobody_but_the_engine_writes_what_the_engine_says() -> None:
    for user in SPEC.users():
        for rule in rules_of(user):
            _, how, topic = rule.split(" ", 2)
            if how != "read" and topic.startswith("lifeline/") and user != "lifeline":
                assert topic.startswith("lifeline/v1/command/")
                assert topic.endswith(f"/{user}")


def test_an_area_or_site_with_wildcards_is_one_level_and_not_a_wildcard() -> None:
    spec = AclSpec(regulators={"r": ("hefei/+",)}, operators={"o": ("#",)})
    assert "topic read lifeline/v1/record/hefei/%2B/+/+" in rules_of("r", spec)
    assert "topic write lifeline/v1/command/%23/o" in rules_of("o", spec)


@pytest.mark.parametrize(
    "topic", ["#", "+/x", "lifeline/v1/record/#", "$SYS/#", "a/#/b", "a+/b", "a\nuser x", ""]
)
def test_a_publishers_filter_cannot_reach_the_engines_topics(topic: str) -> None:
    with pytest.raises(SpecError):
        access_rules(AclSpec(publishers={"gw": (topic,)}))


@pytest.mark.parametrize("area", ["", "/", "a//b", "a/b/c/d"])
def test_an_area_path_has_one_to_three_levels(area: str) -> None:
    with pytest.raises(SpecError, match="area path"):
        access_rules(AclSpec(regulators={"r": (area,)}))


def test_the_engines_login_is_its_own() -> None:
    with pytest.raises(SpecError, match="its own"):
        access_rules(AclSpec(publishers={"lifeline": ("a/#",)}))


def test_the_files_are_whole_private_and_without_plain_text(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    made = write_files(folder, SPEC, passwords={"zhang": "chosen-by-zhang"})
    assert set(made) == set(SPEC.users()) - {"zhang"}
    for name in ("passwords", "acl", "mosquitto.conf"):
        text = (folder / name).read_text()
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        assert not any(secret in text for secret in [*made.values(), "chosen-by-zhang"])
    assert {p.name for p in folder.iterdir()} == {"passwords", "acl", "mosquitto.conf", "data"}
    hashes = read_password_file((folder / "passwords").read_text())
    assert all(verifies(made[user], hashes[user]) for user in made)


def test_writing_again_changes_only_what_was_asked(tmp_path: Path) -> None:
    write_files(tmp_path, SPEC)
    before = read_password_file((tmp_path / "passwords").read_text())
    smaller = AclSpec(publishers={"gw-east": ("city-gas/east/#",), "gw-new": ("new/#",)})
    made = write_files(tmp_path, smaller, renew=["gw-east"])
    after = read_password_file((tmp_path / "passwords").read_text())
    assert set(made) == {"gw-east", "gw-new"}
    assert set(after) == {"gw-east", "gw-new", "lifeline"}
    assert after["lifeline"] == before["lifeline"]
    assert after["gw-east"] != before["gw-east"]


def test_the_settings_keep_what_was_acknowledged_and_let_nobody_in_unnamed(tmp_path: Path) -> None:
    write_files(tmp_path, SPEC, Listener("0.0.0.0", 8883, "c.pem", "k.pem"))
    lines = (tmp_path / "mosquitto.conf").read_text().splitlines()
    for needed in (
        *("allow_anonymous false", "persistence true", "autosave_interval 1"),
        *("autosave_on_changes false", "max_queued_messages 0", "listener 8883 0.0.0.0"),
        *("certfile c.pem", "keyfile k.pem", f"acl_file {tmp_path / 'acl'}"),
    ):
        assert needed in lines
    assert "listener 1883 127.0.0.1" in _settings_by_default(tmp_path)


def _settings_by_default(folder: Path) -> list[str]:
    write_files(folder, SPEC)
    return (folder / "mosquitto.conf").read_text().splitlines()
