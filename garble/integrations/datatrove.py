"""garble within datatrove: a filter that drops or cuts, and a step that keeps everything and says what it found.

    from garble.integrations.datatrove import GarbleFilter

    LocalPipelineExecutor([JsonlReader("texts"), GarbleFilter(), JsonlWriter("kept")], tasks=8).run()

Needs the extra `datatrove`. A scorer is pickled as its settings; a worker loads the model once a process, with the
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

# Documents scored together; with fewer than thirty or so the arithmetic is slower, and each is held in memory.
BATCH = 100


class GarbleFilter(BaseFilter):  # type: ignore[misc]
    """Drops garbled documents or, by unit, cuts the garbled passages or sentences out of them.

    unit, scorer and settings: as in `garble.filtering.Prefilter`. exclusion_writer: a datatrove writer that gets the
    dropped documents, whole. batch_size: documents scored together.

    Every document gets its score, 0..1, as `garble_score` in its metadata, and a dropped one that is written the
    reason as `filter_reason`. Beside datatrove's own counts, among them `dropped_<reason>` of documents, the
    statistics have `cut`, documents kept but not whole, and `cut_<reason>`, the stretches cut out of those.
    Raises ValueError, in one line, for a unit, threshold or model that does not exist.
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
        """For each document True, or False and the reason. What is cut from a document is gone from its text."""
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
    """Keeps every document, and puts what garble says of it into its metadata, as `garble`.

    That is a dictionary of score, garbled, reason and passages, see `garble.filtering.annotation`. scorer: the Scorer
    to use; else the settings are those of `garble.Scorer`, with `reader` "unsure" by default. batch_size: documents
    scored together. The statistics count `garbled_<reason>`: what `GarbleFilter` would drop. A ParquetWriter takes its
    schema from the first document, which may have no passages, so give it one in which `garble` is
    `pa.struct(list(garble.filtering.arrow.SCHEMA))`. Raises ValueError, in one line, for a threshold or model that does
    not exist.
    """

    type = "ANNOTATOR"
    name = "Garble"

    def __init__(
        self, *, batch_size: int = BATCH, scorer: Scorer | None = None, **settings: Unpack[Settings]
    ) -> None:
        super().__init__()
        self.scorer = scorer_of(scorer, settings, reader="unsure")
        self.batch_size = batch_size

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """The documents as they come, annotated."""
        for batch in batched(data, self.batch_size):
            with self.track_time("batch"):
                reports = list(self.scorer.score_many(doc.text for doc in batch))
            for doc, report in zip(batch, reports, strict=True):
                found = doc.metadata["garble"] = annotation(report)
                self.stat_update(StatHints.total)
                if report.garbled:
                    self.stat_update(f"garbled_{found['reason']}")
                self.update_doc_stats(doc)
                yield doc
