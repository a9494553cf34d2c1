import pytest

from xenparley_sim import FrozenClock, Hypervisor


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture(params=["memory", "file"])
def host(request, tmp_path, clock):
    made = Hypervisor(str(tmp_path / "host.sim") if request.param == "file" else None, clock=clock)
    yield made
    made.close()
