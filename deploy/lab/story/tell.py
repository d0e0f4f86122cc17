"""``story``: the good release, then the bad one, with a line for every step."""

from __future__ import annotations

import time
from collections.abc import Callable

from deploy.lab.errors import LabError
from deploy.lab.folder import LabFolder
from deploy.lab.kube import KubeApi
from deploy.lab.story.api import StoryError, Weir
from deploy.lab.story.bad import bad_release
from deploy.lab.story.good import good_release
from deploy.lab.story.rollout import Cast


async def tell_story(folder: LabFolder, *, say: Callable[[str], None]) -> bool:
    """Play both releases on the running lab; answer whether both ended as they should."""
    lab = folder.read_lab()
    if not lab["portal"]:
        raise LabError("This lab runs without a portal, and the story is about one.")
    began = time.monotonic()

    def line(text: str) -> None:
        say(f"{time.monotonic() - began:6.1f} s  {text}")

    tokens = {role: account["token"] for role, account in lab["accounts"].items()}
    async with (
        Weir(lab["portal"], token=tokens["requester"]) as requester,
        Weir(lab["portal"], token=tokens["approver"]) as approver,
        KubeApi(folder.kubeconfig) as api,
    ):
        cast = Cast(folder, requester=requester, approver=approver, api=api, mesh=lab["mesh"], say=line)
        try:
            await good_release(cast)
            await bad_release(cast)
        except StoryError as error:
            line(f"the story failed: {error}")
            return False
    line("both releases ended as they should")
    return True
