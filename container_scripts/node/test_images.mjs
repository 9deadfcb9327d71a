// The test images of a run, record by record, as they were stored: encoded, not decoded.
//
//   input/tf_records/cats/test.record-00000-of-00002, ...      see tfrecord.mjs
import { RecordError, countRecords, findShards, parseExample, readRecords } from "./tfrecord.mjs";

/** The test split of a folder of records. Throws RecordError when it holds no image. */
export class TestImages {
  constructor(recordsDir) {
    this.shards = findShards(recordsDir, "test");
    this.count = this.shards.map(countRecords).reduce((sum, count) => sum + count, 0);
    if (this.count === 0) throw new RecordError(`${recordsDir}: its test records hold no image`);
  }

  /**
   * Yield { source_id, filename, image } in the order of the records; `image` is what `decode` makes of the bytes of
   * the JPEG or PNG. `isChosen` tells by its number, from 0, whether an image is wanted.
   * Throws RecordError that names the record, also for what `decode` throws.
   */
  async* read(decode, isChosen = () => true) {
    let index = -1;
    for (const shard of this.shards) {
      let number = 0;
      for (const record of readRecords(shard)) {
        number += 1;
        index += 1;
        if (!isChosen(index)) continue;
        try {
          const features = parseExample(record);
          const text = (name) => features.get(name)?.[0]?.toString("utf8") ?? "";
          const encoded = features.get("image/encoded")?.[0];
          if (encoded === undefined) throw new Error("no image/encoded in it");
          yield { source_id: text("image/source_id"), filename: text("image/filename"), image: await decode(encoded) };
        } catch (error) {
          throw new RecordError(`${shard}: record ${number}: ${error.message}`);
        }
      }
    }
  }
}

/** Tell of each number below `total` whether its image is one of `wanted`, evenly spread, as explain/chosen_images.py does. */
export const chooseImages = (total, wanted) => (index) =>
  Math.floor((index * wanted) / total) !== Math.floor(((index + 1) * wanted) / total);
