import createClient from "openapi-fetch";
import type { paths } from "./schema";

export async function use(url: string, photo: Blob): Promise<object> {
  const client = createClient<paths>({ baseUrl: url });
  const query = { min_size: 40 };
  const found = await client.POST("/detect", { params: { query }, ...form(photo) });
  const refused = await client.POST("/detect", form(new Blob(["text"])));
  if (found.data === undefined) throw new Error(found.error.detail);
  return {
    faces: found.data.faces.map((face) => face.box.x_min),
    eye: found.data.faces[0]!.landmarks.left_eye.x,
    status: refused.error?.status,
  };
}

/** The options for a form with the image, whose type is a string to this generator. */
function form(image: Blob) {
  const data = new FormData();
  data.append("image", image);
  return { body: { image: image as unknown as string }, bodySerializer: () => data };
}
