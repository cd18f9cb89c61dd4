"""Adapter for datatrove: a filter that drops or cuts, and a step that annotates all documents.

    from garble.integrations.datatrove import GarbleFilter

    LocalPipelineExecutor([JsonlReader("texts"), GarbleFilter(), JsonlWriter("kept")], tasks=8).run()

Needs the extra `datatrove`. A scorer is pickled as its settings; each worker process loads the model once, with the
first batch.
"""

from __future__ import annotations

from typing import Unpack

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter
from datatrove.utils.batching import batched
from datatrove.utils.typeshelper import StatHints

from garble.filtering import Prefilter, Unit, annotation
from garble.scorer import Scorer, Settings, scorer_of

# Documents scored together: fewer than about thirty are slower, and all are in memory.
BATCH = 100


class GarbleFilter(BaseFilter):  # type: ignore[misc]
    """Drops garbled documents or, by unit, cuts garbled passages or sentences.

    unit, scorer and settings: as in `garble.filtering.Prefilter`. exclusion_writer: a datatrove writer that gets the
    dropped documents, whole. batch_size: documents scored together.

    The metadata of each document get its score, 0..1, as `garble_score`; dropped documents also get the reason as
    `filter_reason`. In addition to the counts of datatrove, such as `dropped_<reason>`, the statistics have `cut`, the
    documents kept in part, and `cut_<reason>`, the number of cuts.
    Raises ValueError for an unknown unit, threshold or model.
    """

    name = "Garble"

    def __init__(
        self,
        *,
        unit: Unit = "document",
        exclusion_writer: DiskWriter | None = None,
        batch_size: int = BATCH,
        scorer: Scorer | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(exclusion_writer, batch_size)
        self.prefilter = Prefilter(unit=unit, scorer=scorer, **settings)

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        """As `filter_batch`, for one document."""
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: list[Document]) -> list[bool | tuple[bool, str]]:
        """For each document True, or False and the reason. Cuts are removed from the text of the document."""
        decisions = self.prefilter.decide(doc.text for doc in batch)
        for doc, decision in zip(batch, decisions, strict=True):
            doc.metadata["garble_score"] = decision.score
            if decision.keep and decision.cuts:
                doc.text = decision.kept(doc.text)
                self.stat_update("cut")
                for cut in decision.cuts:
                    self.stat_update(f"cut_{cut.reason}", unit=self.prefilter.unit)
        return [decision.keep or (False, decision.reason) for decision in decisions]


class GarbleAnnotator(PipelineStep):  # type: ignore[misc]
    """Keeps every document, and adds its annotation to the metadata, as `garble`.

    It is a dictionary of score, garbled, reason and passages; see `garble.filtering.annotation`. scorer: the Scorer to
    use; default: one with `settings`, which are those of `garble.Scorer`, and `reader` "unsure". batch_size: documents
    scored together. The statistics count `garbled_<reason>`: what `GarbleFilter` would drop. A ParquetWriter infers its
    schema from the first document, which may have no passages, so give it a schema in which `garble` is
    `pa.struct(list(garble.filtering.arrow.SCHEMA))`. Raises ValueError for an unknown threshold or model.
    """

    type = "ANNOTATOR"
    name = "Garble"

    def __init__(self, *, batch_size: int = BATCH, scorer: Scorer | None = None, **settings: Unpack[Settings]) -> None:
        super().__init__()
        self.scorer = scorer_of(scorer, settings, reader="unsure")
        self.batch_size = batch_size

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Annotate the documents."""
        for batch in batched(data, self.batch_size):
            with self.track_time("batch"):
                reports = list(self.scorer.score_many(doc.text for doc in batch))
            for doc, report in zip(batch, reports, strict=True):
                fields = doc.metadata["garble"] = annotation(report)
                self.stat_update(StatHints.total)
                if report.garbled:
                    self.stat_update(f"garbled_{fields['reason']}")
                self.update_doc_stats(doc)
                yield doc
