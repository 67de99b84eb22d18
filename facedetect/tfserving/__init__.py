"""A client for TensorFlow Serving that needs no TensorFlow: any model, over gRPC or REST.

    from facedetect.tfserving.api import Model
    from facedetect.tfserving.grpc_client import GrpcClient

    client = GrpcClient("localhost:8500")
    found = client.predict(Model("half_plus_two"), {"x": np.array([1.0], np.float32)}, timeout_s=5)
    found.outputs["y"]

`rest_client.RestClient` does the same over REST. Each of the two loads a library of its own.
"""
