"""What OpenLineage calls a file, store by store."""

from __future__ import annotations

import os

import pytest

from sailpoint_provider._airflow.dataset_names import asset_dataset, file_dataset, source_dataset

ID = "2c918085000000000000000000000a01"


@pytest.mark.parametrize(
    ("location", "namespace", "name"),
    [
        ("/data/hr.csv", "file", "/data/hr.csv"),
        ("/data/in/../hr.csv", "file", "/data/hr.csv"),
        ("file:///data/hr.csv", "file", "/data/hr.csv"),
        ("file://nas/share/hr.csv", "file://nas", "/share/hr.csv"),
        ("s3://bucket/in/hr.csv", "s3://bucket", "in/hr.csv"),
        ("s3a://bucket/in/hr.csv", "s3://bucket", "in/hr.csv"),
        ("s3://aws_default@bucket/in/hr.csv", "s3://bucket", "in/hr.csv"),
        ("S3://bucket/in/hr.csv", "s3://bucket", "in/hr.csv"),
        ("gs://bucket/hr.csv.gz", "gs://bucket", "hr.csv.gz"),
        ("gcs://google@bucket/hr.csv", "gs://bucket", "hr.csv"),
        (
            "abfss://container@account.dfs.core.windows.net/in/hr.csv",
            "abfss://container@account.dfs.core.windows.net",
            "in/hr.csv",
        ),
        ("abfs://azure_conn@container/in/hr.csv", "abfss://container", "in/hr.csv"),
        (
            "wasbs://container@account.blob.core.windows.net/hr.csv",
            "wasbs://container@account.blob.core.windows.net",
            "hr.csv",
        ),
        ("hdfs://namenode:8020/data/hr.csv", "hdfs://namenode:8020", "/data/hr.csv"),
        ("sftp://files.example.com/hr.csv", "sftp://files.example.com", "/hr.csv"),
        ("memory://in/hr.csv", "memory://in", "/hr.csv"),
        ("memory:///hr.csv", "memory", "/hr.csv"),
    ],
)
def test_a_file_has_the_name_that_other_producers_give_it(location, namespace, name):
    dataset = file_dataset(location)
    assert (dataset.namespace, dataset.name) == (namespace, name)


def test_a_relative_path_is_one_of_this_worker():
    assert file_dataset("in/hr.csv").name == os.path.join(os.getcwd(), "in", "hr.csv")


@pytest.mark.parametrize(
    "location",
    [
        "https://user:PASSWORD@files.example.com/hr.csv",
        "https://files.example.com/hr.csv?sig=PASSWORD",
        "s3://KEY:PASSWORD@bucket/hr.csv?X-Amz-Signature=PASSWORD",
        "abfss://user:PASSWORD@account.dfs.core.windows.net/hr.csv?sig=PASSWORD",
    ],
)
def test_a_password_or_a_signature_is_no_part_of_a_name(location):
    assert "PASSWORD" not in repr(file_dataset(location))


def test_a_source_has_the_name_of_its_asset():
    named = source_dataset("https://acme.api.identitynow.com", ID)
    assert asset_dataset(f"{named.namespace}/{named.name}") == named


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("http://127.0.0.1:8787", "127.0.0.1:8787"),
        ("https://acme.api.identitynow.com:443", "acme.api.identitynow.com"),
        ("https://acme.api.identitynow.com:8443", "acme.api.identitynow.com:8443"),
    ],
)
def test_only_an_unusual_port_is_in_the_name_of_a_tenant(base_url, host):
    assert source_dataset(base_url, ID).namespace == f"sailpoint://{host}"


def test_the_case_of_an_id_makes_no_other_source():
    tenant = "https://acme.api.identitynow.com"
    assert source_dataset(tenant, ID.upper()) == source_dataset(tenant, ID)


def test_a_malformed_id_names_no_source():
    assert source_dataset("https://acme.api.identitynow.com", "../x") is None
