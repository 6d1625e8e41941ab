/** Makes a tag an index as BuildKit writes it: the image, and beside it the provenance of its build. */
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** `repository`: whose tag `1` is the image of this machine's platform. */
export async function addAttestation(host: string, repository: string): Promise<void> {
  const url = `http://${host}/v2/${repository}/manifests`;
  const answer = await fetch(`${url}/1`, { headers: { accept: `${MANIFEST}, ${DOCKER_MANIFEST}` } });
  const text = await answer.text();
  const mediaType = answer.headers.get("content-type") ?? MANIFEST;
  const image = descriptor(answer, mediaType, text);
  const { config } = JSON.parse(text) as { readonly config: Descriptor };
  const layer = { ...config, mediaType: "application/vnd.in-toto+json" };
  const attestation = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { ...config, mediaType: "application/vnd.oci.image.config.v1+json" },
    layers: [layer],
  });
  const put = async (tag: string, type: string, body: string) => {
    const response = await fetch(`${url}/${tag}`, { method: "PUT", headers: { "content-type": type }, body });
    if (!response.ok) throw new Error(`the registry refused ${tag}: ${await response.text()}`);
    return descriptor(response, type, body);
  };
  const provenance = await put("attestation", MANIFEST, attestation);
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  await put(
    "1",
    INDEX,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: [
        { ...image, platform: { architecture, os: "linux" } },
        {
          ...provenance,
          platform: { architecture: "unknown", os: "unknown" },
          annotations: {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": image.digest,
          },
        },
      ],
    }),
  );
}

function descriptor({ headers }: Response, mediaType: string, text: string): Descriptor {
  return { mediaType, digest: headers.get("docker-content-digest") ?? "", size: Buffer.byteLength(text) };
}
