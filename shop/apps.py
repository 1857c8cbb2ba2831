from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "shop"
    verbose_name = "A seller's shop"
