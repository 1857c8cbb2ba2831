"""Where Stripe knocks: POST /webhooks/stripe on the marketplace host."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from core.problems import problem_http
from services.webhook_services import BadSignature, receive_stripe_event


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """200 once the event is stored (again: too); 400 for anything not signed by Stripe. Nothing is worked on here."""
    try:
        receive_stripe_event(payload=request.body, signature=request.headers.get("Stripe-Signature", ""))
    except BadSignature as error:
        return problem_http(error)
    return HttpResponse(b"{}", content_type="application/json")
