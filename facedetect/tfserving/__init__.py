"""A TensorFlow Serving client for any model, over gRPC or REST, without TensorFlow.

    from facedetect.model_ref import ModelRef
    from facedetect.tfserving.grpc_client import GrpcClient

    client = GrpcClient("localhost:8500")
    x = np.array([1.0], np.float32)
    prediction = client.predict(ModelRef("half_plus_two"), {"x": x}, timeout_s=5)
    prediction.outputs["y"]

`rest_client.RestClient` does the same over REST. Each imports only the library it needs.
"""
