/** What image builds may read of the server's environment. */
import type { SecretMount } from "../images/build/image-spec.ts";
import { secretVariable } from "../images/build/secret-variable.ts";

export function secretsOf(env: NodeJS.ProcessEnv): (secret: SecretMount) => string | undefined {
  return (secret) => env[secretVariable(secret)];
}
