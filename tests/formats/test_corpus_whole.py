"""Every case of libvirt's test data belongs to a suite that a test here goes through."""

from __future__ import annotations

import json

from support.corpus import corpus_dir

#: Suite and directions, and the test that goes through all of its cases.
TESTED = {
    ("sexpr2xml", "sexpr->xml"): "test_sxp_corpus.test_sexpr_to_xml",
    ("xml2sexpr", "xml->sexpr"): "test_sxp_corpus.test_xml_to_sexpr",
    ("xmconfig", "xm->xml"): "test_corpus_xm.test_xm_to_xml",
    ("xmconfig", "xml->xm"): "test_corpus_xm.test_xml_to_xm",
    ("xlconfig", "xl->xml"): "test_corpus_xl.test_xl_to_xml",
    ("xlconfig", "xml->xl"): "test_corpus_xl.test_xml_to_xl",
    (
        "xencaps",
        "cpuinfo+caps->capabilities xml",
    ): "test_capabilities.test_the_document_is_libvirts",
}


def test_no_case_is_left_out() -> None:
    index = json.loads((corpus_dir() / "libvirt" / "index.json").read_bytes())
    found = {(case["suite"], case["direction"]) for case in index["tests"]}
    assert found == set(TESTED)
    assert len(index["tests"]) > 250
