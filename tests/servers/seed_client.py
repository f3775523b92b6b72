#!/usr/bin/env python3
"""Asks for one prediction as the web tier of the systems we replace does, with the libraries that it uses.

It looks the distance up in MongoDB, sends the request to Kafka as one JSON object with its own DayOfWeek (0 is Monday,
where the model has 1), then looks into MongoDB by UUID again and again, as the page that polls does, and reads the
topic of the answers, as the page with the socket does.

Prints one JSON object: `request`, and what came back as `mongodb` and `kafka`, null where nothing came in time. Ends
with 0 if both came. Run it with the PYTHON of addresses.env; the other addresses are taken from there, too:

    env $(cat target/services/addresses.env) sh -c '$PYTHON tests/servers/seed_client.py'

The one thing that differs: the original pins the protocol of Kafka 0.10, which Kafka 4 doesn't speak any more.
"""

import argparse
import datetime
import json
import os
import sys
import time
import uuid

from bson import json_util
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import UnknownTopicOrPartitionError
from pymongo import MongoClient


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brokers", default=os.environ.get("KAFKA_BROKERS", "127.0.0.1:9092"))
    parser.add_argument("--mongodb", default=os.environ.get("MONGODB_URL", "mongodb://127.0.0.1:27017"))
    parser.add_argument("--request-topic", default="flight_delay_classification_request")
    parser.add_argument("--response-topic", default="flight_delay_classification_response")
    parser.add_argument("--database", default="agile_data_science")
    parser.add_argument("--response-collection", default="flight_delay_classification_response")
    parser.add_argument("--distance-collection", default="origin_dest_distances")
    parser.add_argument("--group", help="of the consumer; the default is one of its own")
    parser.add_argument("--limit", type=float, default=30, help="seconds to wait for the answers, both together")
    parser.add_argument("--uuid", help="of the request; the default is a new one")
    parser.add_argument("--origin", default="ATL")
    parser.add_argument("--dest", default="SFO")
    parser.add_argument("--carrier", default="AA")
    parser.add_argument("--date", default="2016-12-25")
    parser.add_argument("--delay", type=float, default=5.0)
    parser.add_argument("--flight-number", help="the original's page with Kafka has no field for it: null by default")
    parser.add_argument("--distance", type=float, help="instead of looking it up")
    return parser.parse_args()


def main():
    arguments = read_arguments()
    # Once for all: whatever waits, nothing waits beyond it.
    deadline = time.monotonic() + arguments.limit
    database = MongoClient(arguments.mongodb, serverSelectionTimeoutMS=arguments.limit * 1000)[arguments.database]
    distance = arguments.distance
    if distance is None:
        distance = look_up_distance(database[arguments.distance_collection], arguments.origin, arguments.dest)
    request = make_request(arguments, distance)
    consumer = listen(arguments, deadline)
    send(arguments, request)
    found = poll(database[arguments.response_collection], request["UUID"], deadline)
    heard = hear(consumer, request["UUID"], deadline)
    consumer.close()
    print(json_util.dumps({"request": request, "mongodb": found, "kafka": heard}))
    return 0 if found and heard else 1


def look_up_distance(distances, origin, dest):
    route = distances.find_one({"Origin": origin, "Dest": dest})
    if route is None:
        sys.exit(f"{distances.full_name} has no distance from {origin} to {dest}; import them, or give --distance")
    return route["Distance"]


def make_request(arguments, distance):
    date = datetime.date.fromisoformat(arguments.date)
    return {
        "DepDelay": arguments.delay,
        "Carrier": arguments.carrier,
        "FlightDate": arguments.date,
        "Dest": arguments.dest,
        "FlightNum": arguments.flight_number,
        "Origin": arguments.origin,
        "Distance": distance,
        "DayOfYear": date.timetuple().tm_yday,
        "DayOfMonth": date.day,
        "DayOfWeek": date.weekday(),
        # Local time without its zone.
        "Timestamp": datetime.datetime.now().isoformat(),
        "UUID": arguments.uuid or str(uuid.uuid4()),
    }


def listen(arguments, deadline):
    """A consumer that stands at the end of each partition: an answer that comes after this is seen."""
    consumer = KafkaConsumer(
        arguments.response_topic,
        bootstrap_servers=arguments.brokers,
        group_id=arguments.group or f"seed-client-{uuid.uuid4()}",
        auto_offset_reset="latest",
    )
    while time.monotonic() < deadline:
        try:
            consumer.poll(timeout_ms=100)
            everything = consumer.partitions_for_topic(arguments.response_topic) or set()
        except UnknownTopicOrPartitionError:
            # Whoever answers may still be about to create it.
            time.sleep(0.1)
            continue
        wanted = {TopicPartition(arguments.response_topic, one) for one in everything}
        if wanted and wanted == consumer.assignment():
            consumer.seek_to_end()
            for partition in consumer.assignment():
                consumer.position(partition)
            return consumer
    sys.exit(f"not all of {arguments.response_topic} could be read; is the topic there, and the group our own?")


def send(arguments, request):
    producer = KafkaProducer(bootstrap_servers=arguments.brokers)
    # The original doesn't wait for the broker; we end at once and have to.
    producer.send(arguments.request_topic, json.dumps(request).encode()).get(timeout=arguments.limit)
    producer.close()


def poll(responses, request_id, deadline):
    while True:
        found = responses.find_one({"UUID": request_id})
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def hear(consumer, request_id, deadline):
    while True:
        for messages in consumer.poll(timeout_ms=200).values():
            for message in messages:
                answer = json.loads(message.value)
                if answer.get("UUID") == request_id:
                    return answer
        if time.monotonic() > deadline:
            return None


if __name__ == "__main__":
    sys.exit(main())
