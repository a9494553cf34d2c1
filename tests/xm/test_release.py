"""Which release this is, what follows from that, and whose files they are."""

from __future__ import annotations

import pytest

from xenparley.domain.errors import InvalidInput
from xenparley.negotiation.capability import Capability
from xenparley.negotiation.offer import Authority, Available, Unavailable
from xenparley_xm.channel import XmChannel
from xenparley_xm.release import config_version, parse_release, running_release


def hypervisor(folder, release):
    major, minor, extra = release
    where = folder / "hypervisor" / "version"
    where.mkdir(parents=True)
    for name, text in (("major", major), ("minor", minor), ("extra", extra)):
        where.joinpath(name).write_text(f"{text}\n")
    return str(folder)


@pytest.mark.parametrize(
    ("told", "release", "authority", "version"),
    [
        (("3", "0", ".3-1"), (3, 0, 3), Authority.OWNER, "XM, xend_config_format 2"),
        (("3", "0", ".4-1"), (3, 0, 4), Authority.SECONDARY, "XM, xend_config_format 3"),
        (("3", "1", ".0"), (3, 1, 0), Authority.SECONDARY, "XM, xend_config_format 4"),
        (("4", "4", ".1"), (4, 4, 1), Authority.SECONDARY, "XM, xend_config_format 4"),
        (("4", "17", ".5-pre"), (4, 17, 5), Authority.SECONDARY, "xl.cfg"),
        (("4", "21", "-unstable"), (4, 21, 0), Authority.SECONDARY, "xl.cfg"),
        (("?", "x", ""), None, Authority.SECONDARY, "XM, xend_config_format 4"),
    ],
)
def test_the_kernel_tells(files, tmp_path, told, release, authority, version):
    sysfs = hypervisor(tmp_path / "sys", told)
    assert running_release(sysfs) == release
    channel = XmChannel({"folder": str(files.path), "sysfs": sysfs})
    found = channel.probe(deadline=files.soon())
    assert isinstance(found, Available)
    assert found.version == version
    (defined,) = (o for o in found.offers if o.capability is Capability.LIST_DEFINED)
    assert defined.authority is authority
    channel.close()


def test_a_setting_overrules_the_kernel(files, tmp_path):
    sysfs = hypervisor(tmp_path / "sys", ("4", "17", ".5"))
    channel = XmChannel({"folder": str(files.path), "sysfs": sysfs, "xen-version": "3.0.2"})
    found = channel.probe(deadline=files.soon())
    assert found.version == "XM, xend_config_format 1"
    assert found.facts["standing"] == "the definitions of Xen 3.0.2"
    channel.close()


@pytest.mark.parametrize(
    ("there", "version"),
    [
        ([], "XM, xend_config_format 4"),
        (["xl.conf"], "xl.cfg"),
        (["xl.conf", "xend-config.sxp"], "XM, xend_config_format 4"),
    ],
)
def test_without_a_release_the_folder_tells(files, tmp_path, there, version):
    for name in there:
        files.write(name, "# set up\n")
    channel = XmChannel({"folder": str(files.path), "sysfs": str(tmp_path)})
    assert channel.probe(deadline=files.soon()).version == version
    channel.close()


def test_no_folder_is_unavailable(tmp_path, files):
    channel = XmChannel({"folder": str(tmp_path / "none")})
    found = channel.probe(deadline=files.soon())
    assert isinstance(found, Unavailable)
    assert str(tmp_path / "none") in found.reason
    channel.close()


def test_releases():
    assert parse_release("3.0.4") == (3, 0, 4)
    assert parse_release("4.17") == (4, 17, 0)
    assert [config_version(r) for r in ((3, 0, 2), (3, 0, 3), (3, 0, 4), (3, 1, 0), None)] == [
        1,
        2,
        3,
        4,
        4,
    ]
    for bad in ("", "4", "x.y", "4.17:5", "9999.1"):
        with pytest.raises(InvalidInput):
            parse_release(bad)
