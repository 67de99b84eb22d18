import { ApiError, FacesService, OpenAPI } from "./codegen";

export async function use(url: string, photo: Blob): Promise<object> {
  OpenAPI.BASE = url;
  const found = await FacesService.detect({ image: photo }, undefined, 40);
  const refused: unknown = await FacesService.detect({ image: new Blob(["text"]) }).catch((e) => e);
  return {
    faces: found.faces.map((face) => face.box.x_min),
    eye: found.faces[0]!.landmarks.left_eye.x,
    status: refused instanceof ApiError ? refused.status : undefined,
  };
}
