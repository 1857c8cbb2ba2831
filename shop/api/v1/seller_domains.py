"""The storefront's own domains. All of it is the owner's."""

from rest_framework.request import Request
from rest_framework.response import Response

from core.views import describe
from services.domain_services import (
    claim_domain,
    make_primary,
    prove_domain,
    remove_domain,
    use_subdomain_again,
)
from shop.api.v1.seller_catalogue import SellerView
from shop.api.v1.serializers.domains import DomainIn, DomainOut
from shop.selectors.domains import own_domain, own_domains
from tenants.permissions import OWNER


class SellerDomainListView(SellerView):
    roles = {"GET": OWNER, "POST": OWNER}

    @describe(responses=DomainOut(many=True))
    def get(self, request: Request) -> Response:
        """The domains, with their state and the records to set."""
        return Response(DomainOut(own_domains(self.tenant), many=True).data)

    @describe(request=DomainIn, responses={201: DomainOut})
    def post(self, request: Request) -> Response:
        """Claim a domain. The same domain again is the same claim, with the same record to set."""
        body = DomainIn.parse(request.data)
        claim = claim_domain(tenant_id=self.tenant.pk, actor_id=self.user_id, **body)
        return Response(DomainOut(own_domain(self.tenant, claim.domain)).data, status=201)


class SellerDomainView(SellerView):
    roles = {"GET": OWNER, "DELETE": OWNER}

    @describe(responses=DomainOut)
    def get(self, request: Request, domain: str) -> Response:
        """One domain."""
        return Response(DomainOut(own_domain(self.tenant, domain)).data)

    @describe(responses={204: None})
    def delete(self, request: Request, domain: str) -> Response:
        """Nobody is served at it from the next request on. If it was the storefront's address, the subdomain is again."""
        remove_domain(tenant_id=self.tenant.pk, domain=domain, actor_id=self.user_id)
        return Response(status=204)


class SellerDomainCheckView(SellerView):
    roles = {"POST": OWNER}

    @describe(request=None, responses=DomainOut)
    def post(self, request: Request, domain: str) -> Response:
        """Ask DNS for the record now; the storefront is served at the domain once it stands."""
        prove_domain(tenant_id=self.tenant.pk, domain=domain, actor_id=self.user_id)
        return Response(DomainOut(own_domain(self.tenant, domain)).data)


class SellerDomainPrimaryView(SellerView):
    roles = {"PUT": OWNER, "DELETE": OWNER}

    @describe(request=None, responses=DomainOut)
    def put(self, request: Request, domain: str) -> Response:
        """Make it the storefront's address: pages asked for elsewhere are redirected to it, and links name it."""
        make_primary(tenant_id=self.tenant.pk, domain=domain, actor_id=self.user_id)
        self.tenant.refresh_from_db(fields=["primary_domain"])
        return Response(DomainOut(own_domain(self.tenant, domain)).data)

    @describe(responses={204: None})
    def delete(self, request: Request, domain: str) -> Response:
        """The subdomain is the storefront's address again; the domain leads there."""
        if own_domain(self.tenant, domain).state == "known_as":
            use_subdomain_again(tenant_id=self.tenant.pk, actor_id=self.user_id)
        return Response(status=204)
