def test_the_rate_limit_counts_per_client_and_api_version(api, control):
    control.client("second", secret="another")
    control.rate_limit(3, 10)
    assert [api.sources().status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = api.sources()
    assert refused.json() == {"message": " Rate Limit Exceeded "}
    assert 1 <= int(refused.headers["Retry-After"]) <= 10
    assert api.call("GET", "v2025/sources").status_code == 200
    api.login()
    assert api.sources().status_code == 429
    api.client_id, api.secret = "second", "another"
    assert api.login().sources().status_code == 200


def test_the_limit_is_a_hundred_in_ten_seconds(api):
    answers = [api.sources(limit=0).status_code for _ in range(101)]
    assert answers.count(429) == 1
