#!/usr/bin/env python3
"""Does to a topic what a job never does.

    topics.py BROKERS grow TOPIC PARTITIONS      gives it more partitions
    topics.py BROKERS remake TOPIC PARTITIONS    deletes it and makes it anew, empty
"""

import sys
import time

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError

PATIENCE = 60

brokers, command, topic, partitions = sys.argv[1:]
partitions = int(partitions)
admin = KafkaAdminClient(bootstrap_servers=brokers)
if command == "grow":
    admin.create_partitions({topic: partitions})
elif command == "remake":
    admin.delete_topics([topic])
    until = time.monotonic() + PATIENCE
    while True:
        try:
            admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])
            break
        except TopicAlreadyExistsError:
            # A broker says yes before it has done it.
            if until < time.monotonic():
                raise
            time.sleep(0.05)
else:
    sys.exit(f"topics.py: there is no command {command}")
