"""The fixtures for embedders, and what a third party's test file looks like."""

import pytest

from xenparley_testing import all_checks

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["xenparley_testing.pytest_plugin"]\n'


def test_fixtures_give_a_fresh_host_to_each_test(pytester):
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        """
        import pytest
        from attrs import evolve
        from xenparley.domain.config import Boot, GuestConfig
        from xenparley.domain.lifecycle import Phase

        CONFIG = GuestConfig(name="web", memory_kib=65536, boot=Boot(kernel="/boot/vmlinuz"))

        @pytest.mark.parametrize("turn", [1, 2])
        def test_fresh(xen_host, turn):
            assert {guest.name for guest in xen_host.list(all=True)} == {"Domain-0"}
            xen_host.define(CONFIG)
            assert xen_host.start("web").reached
            assert xen_host.find("web").living

        def test_two_views_of_one_host(xen_host, simulated_xen):
            xen_host.create(evolve(CONFIG, on_crash="preserve"))
            simulated_xen.crash(xen_host.find("web").domid)
            assert xen_host.find("web").phase is Phase.CRASHED

        def test_time_is_the_tests(xen_host, frozen_clock):
            xen_host.create(CONFIG)
            before = xen_host.cpu_time_ns("web")
            assert xen_host.cpu_time_ns("web") == before
            frozen_clock.advance(10)
            assert xen_host.cpu_time_ns("web") > before
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=4)


def test_a_marked_test_has_a_host_of_that_release(pytester):
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        """
        import pytest
        import xenparley
        from xenparley.domain.config import Boot, GuestConfig
        from xenparley.domain.lifecycle import Phase

        CONFIG = GuestConfig(name="web", memory_kib=65536, boot=Boot(kernel="/boot/vmlinuz"))

        @pytest.mark.parametrize(
            "release",
            [pytest.param(r, marks=pytest.mark.xen_release(r)) for r in ("3.0.2", "4.17")],
        )
        def test_release(xen_host, simulated_xen, simulated_release, release):
            assert simulated_release.release.name == release
            assert simulated_release.hypervisor is simulated_xen
            assert xen_host.create(CONFIG).channel == ("xend" if release < "4" else "xl")
            assert [d.name for d in simulated_xen.domains()] == ["Domain-0", "web"]

        @pytest.mark.xen_release("4.17", user="user", channels={"xenstore", "xl"})
        def test_an_ordinary_user(xen_host):
            with pytest.raises(xenparley.AccessRefused):
                xen_host.host_capabilities()

        @pytest.mark.xen_release("3.4")
        def test_its_time_is_the_tests(xen_host, frozen_clock):
            xen_host.create(CONFIG)
            before = xen_host.cpu_time_ns("web")
            assert xen_host.cpu_time_ns("web") == before
            frozen_clock.advance(10)
            assert xen_host.cpu_time_ns("web") == before + 2_500_000_000

        def test_a_channel_that_fails(xen_host, simulated_release):
            assert simulated_release.release.name == "4.17"
            simulated_release.fault("xl", "absent")
            with pytest.raises(xenparley.XenparleyError):
                xen_host.create(CONFIG)
            simulated_release.mend()
            assert xen_host.create(CONFIG).phase is Phase.ACTIVE
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--strict-markers")
    result.assert_outcomes(passed=5)


def test_contract_class_reports_each_check(pytester):
    pytester.makepyfile(
        """
        import pytest
        from support import reference_adapter
        from xenparley_testing import AdapterContract

        class TestReference(AdapterContract):
            @pytest.fixture
            def subject(self):
                return reference_adapter.subject()
        """
    )
    result = pytester.runpytest_inprocess("-k", "pause or console_ring", "-rs", "-v")
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] > 5
    assert outcomes["skipped"] == 1
    assert "failed" not in outcomes
    result.stdout.fnmatch_lines(["*test_stale_guest?pause?*PASSED*"])
    result.stdout.fnmatch_lines(["*console-ring is not offered: reference does not declare it*"])


def test_contract_class_fails_where_the_adapter_does(pytester):
    pytester.makepyfile(
        """
        import pytest
        from support import mutants_core, reference_adapter
        from xenparley_testing import AdapterContract

        (MUTANT,) = [m for m in mutants_core.MUTANTS if m.name == "stale id destroyed"]

        class TestReference(AdapterContract):
            @pytest.fixture
            def subject(self):
                return reference_adapter.subject(MUTANT.wrap)
        """
    )
    result = pytester.runpytest_inprocess("-k", "stale_guest and destroy")
    result.assert_outcomes(failed=1, deselected=len(all_checks()) - 1)
    result.stdout.fnmatch_lines(["*ContractBroken: destroy, domain id of another guest*"])


@pytest.fixture(autouse=True)
def _quiet(pytester):
    pytester.makeini("[pytest]\naddopts = -p no:cacheprovider\n")
