import { annotate, detect, visionFace } from "./hey";
import type { Problem } from "./hey";
import { client } from "./hey/client.gen";

export async function use(url: string, photo: Blob): Promise<object> {
  client.setConfig({ baseUrl: url });
  const body = { image: photo };
  const found = await detect({ body, query: { min_size: 40 }, throwOnError: true });
  const refused = await detect({ body: { image: new Blob(["text"]) } });
  const problem: Problem | undefined = refused.error;
  const hidden = await annotate({ body, query: { style: "blur" }, parseAs: "blob" });
  const camera = await visionFace({ body, throwOnError: true });
  return {
    faces: found.data.faces.map((face) => face.box.x_min),
    eye: found.data.faces[0]!.landmarks.left_eye.x,
    status: problem?.status,
    bytes: (hidden.data as Blob).size,
    camera: camera.data.predictions.map((face) => face.label),
  };
}
