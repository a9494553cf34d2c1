"""Domain XML that is broken or meant to harm: a typed error with its place, every time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.xml_documents import document
from xenparley.domain.config.validate import check, validate
from xenparley.domain.errors import ConfigError, ParseError, XenparleyError
from xenparley_formats.xml_format import read_xml

LAUGHS = b"""<?xml version='1.0'?>
<!-- a comment first -->
<!DOCTYPE domain [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<domain type='xen'><name>&c;</name></domain>"""
EXTERNAL = b"""<!DOCTYPE domain [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<domain type='xen'><name>&x;</name></domain>"""


@pytest.mark.parametrize("data", [LAUGHS, EXTERNAL, LAUGHS.decode().encode("utf-16")])
def test_a_document_type_is_refused(data: bytes) -> None:
    with pytest.raises(ParseError, match=r"guest\.xml:\d+.*document type"):
        read_xml(data, source="guest.xml")


def test_an_entity_without_a_document_type_is_no_xml() -> None:
    with pytest.raises(ParseError):
        read_xml(b"<domain type='xen'><name>&x;</name></domain>")


@pytest.mark.parametrize("tag", ["a", "domain", "devices", "features"])
def test_deep_nesting_is_refused(tag: str) -> None:
    data = b"<domain type='xen'>" + f"<{tag}>".encode() * 100_000
    with pytest.raises(ParseError):
        read_xml(data)
    with pytest.raises(ParseError):
        read_xml(data + f"</{tag}>".encode() * 100_000 + b"</domain>")


def test_a_document_is_bounded() -> None:
    with pytest.raises(ParseError, match="larger than"):
        read_xml(b"<domain>" + b" " * (16 << 20) + b"</domain>")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \n",
        b"\0",
        b"<",
        b"<domain",
        b"<domain></domain><domain/>",
        b"\xff\xfe<",
        b"<domain type='xen'><name>\xff</name></domain>",
        b"<domain type='xen'><name>a\0b</name></domain>",
        b"<?xml version='1.0' encoding='utf-7'?><domain/>",
        b"<?xml version='1.0' encoding='nonsense'?><domain/>",
        b"<domain type='xen'><name>&#0;</name></domain>",
        b"<domain type='xen'><name>&#27;</name></domain>",
        b"<q:domain type='xen'/>",
        b"(vm (name 'x'))",
    ],
)
def test_what_is_not_xml_is_a_parse_error(data: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        read_xml(data, source="here")
    assert "here" in str(caught.value)


def test_a_syntax_error_names_its_line() -> None:
    with pytest.raises(ParseError) as caught:
        read_xml(b"<domain type='xen'>\n<name>a</nome>\n</domain>", source="f.xml")
    assert caught.value.line == 2
    assert str(caught.value).startswith("f.xml:2: ")


def test_all_problems_are_reported_at_once_with_line_and_path() -> None:
    data = b"""<domain type='kvm' id='x'>
<name>a</name><name>b</name>
<uuid>12-34</uuid>
<memory unit='furlong'>1</memory>
<vcpu current='two'>1</vcpu>
<os><type>exe</type><boot/></os>
<devices>
<disk><source file='/a'/></disk>
<disk><target dev='hda'/><target dev='hdb'/></disk>
<graphics type='vnc' autoport='perhaps' port='99999999999999999999'/>
<hostdev type='pci'><source/></hostdev>
<input bus='usb'/>
</devices>
</domain>"""
    with pytest.raises(ConfigError) as caught:
        read_xml(data, source="g.xml")
    places = {problem.place for problem in caught.value.problems}
    assert places >= {
        "g.xml:1: @id",
        "g.xml:1: @type",
        "g.xml:2: name[2]",
        "g.xml:3: uuid",
        "g.xml:4: memory",
        "g.xml:5: vcpu/@current",
        "g.xml:6: os/type",
        "g.xml:6: os/boot",
        "g.xml:8: devices/disk[1]",
        "g.xml:9: devices/disk[2]/target[2]",
        "g.xml:10: devices/graphics/@autoport",
        "g.xml:10: devices/graphics/@port",
        "g.xml:11: devices/hostdev",
        "g.xml:12: devices/input",
    }


_IMPOSSIBLE = b"""<domain type='xen'>
<name>a/b</name>
<memory unit='%s'>4096</memory>
<vcpu>0</vcpu>
<os><type>linux</type><kernel>/k</kernel></os>
<devices>
<disk type='file'><source file='/x'/><target dev='xvda'/></disk>
<disk type='file'><source file='/y'/>
<target dev='xvda'/></disk>
</devices>
</domain>"""
_WRONG = {
    "g.xml:2: name",
    "g.xml:4: vcpu",
    "g.xml:9: devices/disk[2]/target",
}


def test_a_guest_that_can_not_be_is_told_beside_what_can_not_be_read() -> None:
    with pytest.raises(ConfigError) as caught:
        read_xml(_IMPOSSIBLE % b"furlong", source="g.xml")
    # memory is missing only because it could not be read: it is told once
    assert [problem.place for problem in caught.value.problems if "memory" in problem.place] == [
        "g.xml:3: memory"
    ]
    assert {problem.place for problem in caught.value.problems} == {*_WRONG, "g.xml:3: memory"}


def test_a_reading_knows_the_line_of_each_place_of_its_model() -> None:
    reading = read_xml(_IMPOSSIBLE % b"KiB", source="g.xml")
    assert reading.locate is not None
    assert {reading.locate(problem.place) for problem in validate(reading.config)} == _WRONG
    assert reading.locate("devices/disk[1]/source/@file") == (
        "g.xml:7: devices/disk[1]/source/@file"
    )
    # what the document has not is missing in what it has
    assert reading.locate("devices/disk[3]/target") == "g.xml:6: devices/disk[3]/target"
    assert reading.locate("os/loader/[x") == "g.xml:5: os/loader/[x"
    assert reading.locate("") == "g.xml:1"


def test_many_problems_are_counted() -> None:
    many = "<disk/>" * 5000
    with pytest.raises(ConfigError) as caught:
        read_xml(document(devices=many))
    assert len(caught.value.problems) == 501
    assert "4500 more" in caught.value.problems[-1].message


@pytest.mark.parametrize("root", ["capabilities", "domainsnapshot", "Domain"])
def test_another_document_is_refused(root: str) -> None:
    with pytest.raises(ConfigError, match=root):
        read_xml(f"<{root} type='xen'/>".encode())


@pytest.mark.parametrize(
    "name",
    ["../etc", "a/b", "a\nb", "\x1b]0;x\x07"[1:3] + "/", "x" * 10_240, " ", "..", ""],
)
def test_a_name_that_no_guest_may_have_is_a_problem(name: str) -> None:
    data = document().replace(b"<name>g</name>", f"<name>{name}</name>".encode())
    config = read_xml(data).config
    assert config.name == name
    with pytest.raises(ConfigError, match="name"):
        check(config)


def test_a_message_holds_no_escape_sequence_of_the_input() -> None:
    with pytest.raises(ConfigError) as caught:
        read_xml(document("<uuid>\u009b31m\u202e</uuid>"))
    assert "\u009b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)


def test_a_password_is_in_no_message() -> None:
    data = document(devices="<graphics type='vnc' passwd='hush-hush' port='x'/>")
    with pytest.raises(ConfigError) as caught:
        read_xml(data)
    assert "hush" not in str(caught.value)
    config = read_xml(data.replace(b" port='x'", b"")).config
    assert "hush" not in repr(config)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_a_guest_or_a_typed_error(data: bytes) -> None:
    try:
        config = read_xml(data).config
    except XenparleyError as exc:
        assert isinstance(exc, ParseError | ConfigError)
    else:
        assert config.name is not None


_WORDS = ["domain", "name", "os", "type", "devices", "disk", "target", "source", "x", "features"]


@st.composite
def _trees(draw: st.DrawFn, depth: int = 4) -> str:
    tag = draw(st.sampled_from(_WORDS))
    attributes = draw(
        st.dictionaries(
            st.sampled_from(["type", "dev", "id", "state", "unit", "y"]),
            st.sampled_from(["xen", "pci", "1", "", "a&amp;b", "tcp"]),
            max_size=3,
        )
    )
    words = "".join(f" {name}='{value}'" for name, value in attributes.items())
    inner = draw(st.sampled_from(["", "5", " hvm ", "<!--c-->", "<?p i?>"]))
    if depth:
        inner += "".join(draw(st.lists(_trees(depth - 1), max_size=3)))
    return f"<{tag}{words}>{inner}</{tag}>"


# Drawing trees is slow; tests/fuzz goes on from here.
@settings(max_examples=50, deadline=None)
@given(st.lists(_trees(), max_size=4), st.booleans())
def test_any_tree_is_a_guest_or_a_typed_error(trees: list[str], strict: bool) -> None:
    data = document("".join(trees)).replace(b"<name>g</name>", b"<name>gg</name>")
    try:
        config = read_xml(data, strict=strict).config
    except ConfigError as exc:
        assert exc.problems
    else:
        assert config.name == "gg"
