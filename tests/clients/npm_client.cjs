// Follow one account aggregation with SailPoint's npm client, and print what the client read as JSON.
// Arguments: API version, CSV. The SAIL_ environment variables name the tenant.
"use strict";

const client = require("sailpoint-api-client");

const [apiVersion, csv] = process.argv.slice(2);
const [Sources, Aggregations, Tasks] = {
  v2024: [client.SourcesV2024Api, client.AccountAggregationsV2024Api, client.TaskManagementV2024Api],
  beta: [client.SourcesBetaApi, client.AccountAggregationsBetaApi, client.TaskManagementBetaApi],
}[apiVersion];

async function main() {
  const configuration = new client.Configuration();
  configuration.experimental = true;
  const sources = new Sources(configuration);
  const aggregations = new Aggregations(configuration);
  const tasks = new Tasks(configuration);

  const found = (await sources.listSources({ filters: 'name eq "Contractors Delimited File"' })).data;
  const source = { id: found[0].id, sourceId: found[0].id };
  const file = new File([csv], "accounts.csv", { type: "text/csv" });
  const started = (await sources.importAccounts({ ...source, file, disableOptimization: "false" })).data;

  const { id } = started.task;
  const statuses = [];
  let record;
  do {
    statuses.push((await aggregations.getAccountAggregationStatus({ id })).data);
    record = (await tasks.getTaskStatus({ id })).data;
    await new Promise((resolve) => setTimeout(resolve, 20));
  } while (record.completionStatus === null);
  statuses.push((await aggregations.getAccountAggregationStatus({ id })).data);
  const filters = `sourceId eq "${source.id}" and completionStatus eq "SUCCESS"`;
  const listed = (await tasks.getTaskStatusList({ filters, sorters: "-created" })).data;
  console.log(JSON.stringify({ found, started, statuses, record, listed }));
}

main().catch((error) => {
  console.error(error.message, error.response?.data ?? "");
  process.exitCode = 1;
});
