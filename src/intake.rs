//! A batch goes into a campaign: looked up, decided, applied.

use crate::fault::Fault;
use crate::mapping::Mapping;
use crate::merge::{Dupway, Groups, Outcome, Rules, fold};
use crate::record::Batch;
use crate::store::{Applied, Campaign, Chunk, Scouted};
use crate::time::Seconds;

/// Takes a batch into a campaign, within a chunk.
pub fn take<'b>(
    chunk: &mut Chunk<'_>,
    campaign: &Campaign,
    batch: &'b Batch,
    groups: &Groups,
    scouted: &Scouted,
    rules: Rules,
    now: Seconds,
) -> Result<(Applied, Outcome<'b>), Fault> {
    let mut customers = chunk.customers(campaign)?;
    let stored = customers.find(batch, groups, scouted, rules.dupway == Dupway::Update)?;
    let outcome = fold(batch, groups, stored, campaign.package, rules, Mapping::dialled);
    let applied = customers.apply(batch, groups, &outcome, now)?;
    Ok((applied, outcome))
}
