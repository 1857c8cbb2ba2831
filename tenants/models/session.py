from django.db import models

from core.ids import new_id


class Session(models.Model):
    """A signed-in device: the family of refresh tokens that follow each other.

    Exactly one refresh token is valid at a time (`refresh_jti`). Presenting an older one ends the family, except
    within a short grace after the rotation, when it is only refused: two tabs may race honestly.

    A support session is an operator's look at a storefront's dashboard: it opens nothing else and changes nothing.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="sessions")
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, null=True, related_name="+")
    refresh_jti = models.CharField(max_length=32)
    previous_jti = models.CharField(max_length=32, blank=True)
    rotated_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    is_support = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="session_expiry")]

    def __str__(self) -> str:
        return f"session {self.pk}"


class LoginAttempt(models.Model):
    """Failed sign-ins, counted in the database per address and per account within a window."""

    key = models.CharField(max_length=120, primary_key=True)
    failures = models.IntegerField(default=0)
    window_ends_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.key}: {self.failures}"
