import unicodedata
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from core.ids import new_id, new_secret


def normalise_email(email: str) -> str:
    """One spelling per mailbox: NFKC, trimmed, lower case."""
    return unicodedata.normalize("NFKC", email).strip().lower()


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person who signs in with `email`. Without a password nobody can sign in."""
        user = self.model(email=normalise_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """An operator of the marketplace."""
        return self.create_user(email, password, is_operator=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=normalise_email(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """A person, once for the whole marketplace: operator, seller, staff or buyer. Tokens and roles are per storefront."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    is_operator = models.BooleanField(default=False)
    token_version = models.CharField(max_length=32, default=new_secret, editable=False)
    email_verified_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_lower_case")
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_staff(self) -> bool:
        """Django's name for those who may open the operator's admin."""
        return self.is_operator

    def set_password(self, raw_password: str | None) -> None:
        """Also ends every token that was issued before."""
        super().set_password(raw_password)
        self.token_version = new_secret()

    def check_password(self, raw_password: str | None) -> bool:
        """A hash that is made anew because ours have become stronger is no other password: tokens stay good."""
        version = self.token_version
        is_right = super().check_password(raw_password)
        self.token_version = version
        return is_right

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What Django's sessions, the operator's, depend on: they end when tokens do."""
        parts = self.password + self.token_version
        return salted_hmac("tenants.User.session", parts, secret=secret, algorithm="sha256").hexdigest()
