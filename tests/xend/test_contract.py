"""The contract kit over every generation of XenD, through each of its doors."""

from __future__ import annotations

import pytest

from support.xend_subject import xend_subject
from xenparley.negotiation.capability import Capability
from xenparley_testing import AdapterContract


def _generations(quick, heavy):
    """Return the parameters: every door's whole matrix is a heavy run."""
    return [*quick, *(pytest.param(release, marks=pytest.mark.heavy) for release in heavy)]


#: Over HTTP alone a guest is not started or restored paused; 3.0.2 can't by any door.
UNPAUSED = (Capability.START, Capability.RESTORE)


class TestHttp(AdapterContract):
    """HTTP on the UNIX socket, with XML-RPC beside it where the release has that."""

    @pytest.fixture(
        params=_generations(
            ["3.0.1", "3.1"], ["3.0.2", "3.0.3", "3.0.4", "3.3", "3.4", "4.0", "4.1"]
        )
    )
    def subject(self, request, tmp_path):
        without = UNPAUSED if request.param in ("3.0.1", "3.0.2") else ()
        with xend_subject(tmp_path, request.param, without=without) as made:
            yield made


class TestHttpAlone(AdapterContract):
    """HTTP without XML-RPC beside it."""

    @pytest.fixture(params=_generations([], ["3.0.4", "3.1", "4.1"]))
    def subject(self, request, tmp_path):
        with xend_subject(tmp_path, request.param, xmlrpc=False, without=UNPAUSED) as made:
            yield made


class TestTcp(AdapterContract):
    """HTTP over TCP; that the host's files are on this disk is told by a setting."""

    @pytest.fixture(params=_generations(["3.4"], ["3.0.2", "3.0.4", "4.1"]))
    def subject(self, request, tmp_path):
        with xend_subject(tmp_path, request.param, tcp=True, without=UNPAUSED) as made:
            yield made


class TestXmlRpc(AdapterContract):
    """XML-RPC alone: a stock configuration from 3.0.2 on."""

    @pytest.fixture(params=_generations(["4.1"], ["3.0.2", "3.0.3", "3.0.4", "3.1", "3.4"]))
    def subject(self, request, tmp_path):
        without = UNPAUSED if request.param == "3.0.2" else ()
        with xend_subject(tmp_path, request.param, http=False, without=without) as made:
            yield made
