from django.db import models
from django.db.models import Q

from core.ids import new_id
from shop.models.base import TenantModel


class StaticPage(TenantModel):
    """A page of the seller's own words: about, returns, privacy. `html` is `body` (Markdown), rendered and sanitised."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=120)
    body = models.TextField(blank=True)
    html = models.TextField(blank=True, editable=False)
    position = models.IntegerField(default=0)
    is_published = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["position", "title"]
        constraints = [models.CheckConstraint(condition=~Q(title=""), name="page_has_title")]

    def __str__(self) -> str:
        return self.title
