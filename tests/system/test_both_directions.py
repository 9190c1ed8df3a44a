"""A choice on one side becomes the choice on the other, with as few calls as can be."""

import pytest

from tests.system.harness import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_opt_out_in_didomi_is_one_call_to_actito(place: Town) -> None:
    """A refusal goes straight out, without a look, and its echo causes nothing."""
    ada = place.person("ada", Newsletter=True)

    place.didomi.click(ada.ouid, {"channels": {"email": False}})
    await place.agree(ada, "Newsletter", False)

    assert place.calls() == {"actito profiles.put": 1}
