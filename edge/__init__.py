"""Edge: a camera looks at every part, YOLOv8 finds the defects, and the numbers are measured.

Floors, imports go down only; rooms on one floor never import each other::

    cli -> app -> camera | engine | quantize | report | sinks | host | live | calibrate | bench
    | export -> detect -> vision -> core

Read ``live.py`` and ``detect.py`` first: they hold no library of the outside world.
"""

__version__ = "0.1.0"
