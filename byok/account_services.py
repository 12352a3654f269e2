"""The services about companies, people and how they are signed in: a part of every process.

Each is made when first asked for, as everything of a process is; see `byok.process`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from byok.parts import Parts

if TYPE_CHECKING:
    from byok.services.accounts import Accounts
    from byok.services.demo import Demo
    from byok.services.invitations import Invitations
    from byok.services.own_password import OwnPassword
    from byok.services.sessions import Sessions
    from byok.services.sign_in import SignIn
    from byok.services.team import Team
    from byok.services.throttle import Throttle


class AccountServices(Parts):
    """Who there is, and who may come in."""

    @cached_property
    def accounts(self) -> Accounts:
        """Companies and people."""
        from byok.services.accounts import Accounts

        return Accounts(db=self.db, plans=self.plans, vault=self.vault, clock=self.clock)

    @cached_property
    def throttle(self) -> Throttle:
        """How often a password may be tried."""
        from byok.services.throttle import Throttle

        return Throttle(db=self.db, clock=self.clock)

    @cached_property
    def sign_in(self) -> SignIn:
        """The question at the door."""
        from byok.services.sign_in import SignIn

        return SignIn(db=self.db, throttle=self.throttle, chains=self.chains, clock=self.clock)

    @cached_property
    def sessions(self) -> Sessions:
        """Who is signed in."""
        from byok.services.sessions import Sessions

        return Sessions(db=self.db, plans=self.plans, chains=self.chains, clock=self.clock)

    @cached_property
    def own_password(self) -> OwnPassword:
        """How a person changes his password."""
        from byok.services.own_password import OwnPassword

        return OwnPassword(db=self.db, plans=self.plans, throttle=self.throttle, chains=self.chains, clock=self.clock)

    @cached_property
    def team(self) -> Team:
        """A company's people, as its admins manage them."""
        from byok.services.team import Team

        return Team(db=self.db, plans=self.plans, chains=self.chains, clock=self.clock)

    @cached_property
    def invitations(self) -> Invitations:
        """Links by which a password is chosen."""
        from byok.services.invitations import Invitations

        return Invitations(db=self.db, chains=self.chains, clock=self.clock)

    @cached_property
    def demo(self) -> Demo:
        """The sample companies."""
        from byok.services.demo import Demo

        return Demo(db=self.db, plans=self.plans, vault=self.vault, settings=self.settings, clock=self.clock)
