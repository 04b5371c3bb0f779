//! A batch goes into a campaign: looked up, decided, applied.

use crate::fault::Fault;
use crate::mapping::Mapping;
use crate::merge::{Dupway, Outcome, Rules, fold, group};
use crate::record::Batch;
use crate::store::{Applied, Campaign, Chunk};
use crate::time::Seconds;

/// Takes a batch into a campaign, within a chunk.
pub fn take(
    chunk: &Chunk<'_>,
    campaign: &Campaign,
    batch: &Batch,
    rules: Rules,
    now: Seconds,
) -> Result<(Applied, Outcome), Fault> {
    let groups = group(batch);
    let stored = chunk.find(campaign, batch, &groups.firsts, rules.dupway == Dupway::Update)?;
    let outcome = fold(batch, &groups, stored, campaign.package, rules, Mapping::dialled);
    let applied = chunk.apply(campaign, batch, &outcome, now)?;
    Ok((applied, outcome))
}
