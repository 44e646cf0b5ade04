using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Inputs;

namespace EdgeAgent.Cli.Engines;

/// <summary>Accuracy of a model on labelled images.</summary>
internal static class ImageEvaluation
{
    /// <summary>Images that are decoded at a time: bounds memory whatever the size of the data set.</summary>
    private const int Block = 256;

    /// <param name="classifier">The model.</param>
    /// <param name="model">Its file, for errors.</param>
    /// <param name="images">As many classes as the model has outputs.</param>
    /// <param name="preprocessing">From pixels to the model's input.</param>
    /// <param name="done">Called with the number of images done so far.</param>
    /// <exception cref="CommandException">The classes do not fit, or no image decodes.</exception>
    public static EvalDocument Run(IClassifier classifier, string model, LabelledImages images, Preprocessing preprocessing, Action<int> done, CancellationToken cancellation)
    {
        if (classifier.Classes != images.Classes.Count)
            throw new CommandException($"{model} has {classifier.Classes} outputs but {images.Path} has {images.Classes.Count} classes ({Few(images.Classes)}); use the data the model was trained for");
        var inputs = new float[Math.Min(Block, images.Count) * preprocessing.Length];
        var batch = new float[classifier.MaxBatch * preprocessing.Length];
        var logits = new float[classifier.MaxBatch * classifier.Classes];
        var faults = new string?[Block];
        var skipped = new List<SkippedImage>();
        int samples = 0, first = 0, amongThree = 0;

        for (var start = 0; start < images.Count; start += Block)
        {
            var count = Math.Min(Block, images.Count - start);
            Parallel.For(0, count, new ParallelOptions { CancellationToken = cancellation }, i =>
            {
                if (images.TryDecode(start + i, out var image, out faults[i]))
                    preprocessing.Apply(image, inputs.AsSpan(i * preprocessing.Length, preprocessing.Length));
            });
            var usable = Enumerable.Range(0, count).Where(i => faults[i] is null).ToArray();
            skipped.AddRange(Enumerable.Range(0, count).Where(i => faults[i] is not null)
                .Select(i => new SkippedImage(images.Name(start + i), faults[i]![(images.Name(start + i).Length + 2)..])));
            foreach (var chunk in usable.Chunk(classifier.MaxBatch))
            {
                cancellation.ThrowIfCancellationRequested();
                for (var i = 0; i < chunk.Length; i++)
                    inputs.AsSpan(chunk[i] * preprocessing.Length, preprocessing.Length).CopyTo(batch.AsSpan(i * preprocessing.Length));
                classifier.Run(batch, chunk.Length, logits.AsSpan(0, chunk.Length * classifier.Classes));
                for (var i = 0; i < chunk.Length; i++)
                {
                    var rank = Rank(logits.AsSpan(i * classifier.Classes, classifier.Classes), images.Label(start + chunk[i]));
                    first += rank == 0 ? 1 : 0;
                    amongThree += rank < 3 ? 1 : 0;
                }
                samples += chunk.Length;
            }
            done(start + count);
        }
        if (samples == 0)
            throw new CommandException($"{images.Path}: none of {images.Count} images decodes; the first: {skipped[0].Name}: {skipped[0].Reason}");
        var (low, high) = Statistics.WilsonInterval(first, samples);
        return new EvalDocument(CliJson.Schema, classifier.Engine, samples, (double)first / samples, (double)amongThree / samples, [low, high], images.Sha256, skipped);
    }

    /// <summary>How many classes come before <paramref name="label"/>; of equal ones the lowest index comes first.</summary>
    private static int Rank(ReadOnlySpan<float> logits, int label)
    {
        var rank = 0;
        for (var i = 0; i < logits.Length; i++)
            if (logits[i] > logits[label] || (logits[i] == logits[label] && i < label))
                rank++;
        // A model that answers with no number is wrong, whatever the order of NaN.
        return float.IsNaN(logits[label]) ? logits.Length : rank;
    }

    private static string Few(IReadOnlyList<string> names) =>
        string.Join(", ", names.Take(3)) + (names.Count > 3 ? ", ..." : "");
}
