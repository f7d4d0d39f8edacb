"""`make soak`: an hour of the real service in a bad factory.

The service is a process of its own with network cameras that are real RTSP servers, bundles of the
shipped network at a small input size, and a small disk. A seed decides which faults come, in which
order and at once; every fault has to be told, and mended without a human. Start reading in
``__main__``; ``frames`` is another soak: 100,000 frames as fast as they come, without a fault.
"""
