/**
 * flyteidl2.auth.AuthMetadataService: how clients get a token. They ask before they have one, so nothing is authorised.
 * A client with a secret exchanges it at the token endpoint (server/token-endpoint.ts); the others bring a token.
 */
import type { ConnectRouter } from "@connectrpc/connect";
import { AuthMetadataService } from "../wire/gen/flyteidl2/auth/auth_service_pb.js";
import { requestOrigin } from "./origin.ts";

export const TOKEN_ENDPOINT = "/oauth2/token";

export function registerAuthMetadataService(router: ConnectRouter): void {
  router.service(AuthMetadataService, {
    getOAuth2Metadata: (_, handler) => {
      const origin = requestOrigin(handler);
      return {
        issuer: origin,
        tokenEndpoint: origin + TOKEN_ENDPOINT,
        grantTypesSupported: ["client_credentials"],
        tokenEndpointAuthMethodsSupported: ["client_secret_basic"],
      };
    },
    // The header in which clients send the token (flyte 2.12.1, _authenticators/base.py).
    getPublicClientConfig: () => ({ authorizationMetadataKey: "authorization" }),
  });
}
