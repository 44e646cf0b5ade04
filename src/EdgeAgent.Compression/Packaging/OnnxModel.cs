using System.Diagnostics;
using EdgeAgent.Compression.Data;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Inputs;
using EdgeAgent.Int8.Kernels;
using Microsoft.ML.OnnxRuntime;

namespace EdgeAgent.Compression.Packaging;

/// <summary>A written model in ONNX Runtime: what is reported of a file is measured on the file.</summary>
public sealed class OnnxModel : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _run = new();
    private readonly string _input, _output;

    /// <exception cref="InputException">ONNX Runtime cannot load the file.</exception>
    public OnnxModel(string path, int threads)
    {
        using var options = new SessionOptions { IntraOpNumThreads = threads, InterOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        AskForExactKernels(options);
        // Spinning threads would take the processors from whatever else runs.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        try
        {
            _session = new InferenceSession(path, options);
        }
        catch (OnnxRuntimeException fault)
        {
            throw new InputException($"{path}: ONNX Runtime cannot load it: {fault.Message.ReplaceLineEndings(" ")}", fault);
        }
        (_input, _output) = (_session.InputMetadata.Keys.Single(), _session.OutputMetadata.Keys.Single());
        InputShape = _session.InputMetadata[_input].Dimensions;
    }

    /// <summary>
    /// x86 without VNNI adds pairs of u8 x s8 products in 16 bits, which saturates, unless it is asked to be exact. Where there is VNNI
    /// all kernels are exact, and asking makes them three times slower.
    /// </summary>
    public static void AskForExactKernels(SessionOptions options)
    {
        if (!KernelSet.Best.Name.EndsWith("vnni", StringComparison.Ordinal))
            options.AddSessionConfigEntry("session.x64quantprecision", "1");
    }

    /// <summary>Batch first; -1 where it is dynamic.</summary>
    public IReadOnlyList<int> InputShape { get; }

    /// <summary>Logits of <paramref name="count"/> samples, [count x classes].</summary>
    public float[] Run(float[] input, int count, IReadOnlyList<long> sampleShape)
    {
        if (InputShape[0] == 1 && count > 1)
        {
            var length = input.Length / count;
            return [.. Enumerable.Range(0, count).SelectMany(i => Run(input[(i * length)..((i + 1) * length)], 1, sampleShape))];
        }
        using var value = OrtValue.CreateTensorValueFromMemory(input, [count, .. sampleShape]);
        using var results = _session.Run(_run, [_input], [value], [_output]);
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }

    /// <summary>Predicted class of every sample, in order.</summary>
    public int[] Classes(BatchSource batches, CancellationToken cancellation, int limit = int.MaxValue)
    {
        var classes = new List<int>();
        foreach (var batch in batches.Sequential(100, limit, cancellation))
        {
            cancellation.ThrowIfCancellationRequested();
            var count = batch.Labels.Length;
            classes.AddRange(Argmax.Rows(Run(batch.Input, count, batches.SampleShape), count));
        }
        return [.. classes];
    }

    /// <summary>What a file says of every image, in order.</summary>
    public static int[] ClassesOf(string path, int threads, BatchSource images, CancellationToken cancellation, int limit = int.MaxValue)
    {
        using var model = new OnnxModel(path, threads);
        return model.Classes(images, cancellation, limit);
    }

    /// <summary>Accuracy of a file on labelled images, the first <paramref name="limit"/> of them.</summary>
    public static Accuracy AccuracyOf(string path, int threads, BatchSource images, CancellationToken cancellation, int limit = int.MaxValue) => Accuracy.Of(ClassesOf(path, threads, images, cancellation, limit), images.Labels);

    /// <summary>Median latencies of one image in microseconds, one thread, after warm-up; the files take turns, so that a disturbance meets all of them.</summary>
    public static double[] MediansUs(BatchSource images, CancellationToken cancellation, params ReadOnlySpan<string> paths)
    {
        const int warmUp = 5, runs = 40;
        var sample = images.Sequential(1, 1, cancellation).Single().Input;
        var models = new List<OnnxModel>();
        try
        {
            foreach (var path in paths)
                models.Add(new OnnxModel(path, threads: 1));
            var times = models.ConvertAll(_ => new double[runs]);
            for (var i = -warmUp; i < runs; i++)
                for (var m = 0; m < models.Count; m++)
                {
                    var start = Stopwatch.GetTimestamp();
                    models[m].Run(sample, 1, images.SampleShape);
                    if (i >= 0)
                        times[m][i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
                }
            return [.. times.Select(t => Statistics.Percentile([.. t.Order()], 0.5))];
        }
        finally
        {
            models.ForEach(m => m.Dispose());
        }
    }

    public void Dispose()
    {
        _run.Dispose();
        _session.Dispose();
    }
}

/// <summary>The predicted class: the largest logit, ties to the lowest index.</summary>
public static class Argmax
{
    public static int[] Rows(ReadOnlySpan<float> logits, int count)
    {
        var classes = logits.Length / count;
        var result = new int[count];
        for (var i = 0; i < count; i++)
        {
            var row = logits.Slice(i * classes, classes);
            for (var c = 1; c < classes; c++)
                if (row[c] > row[result[i]])
                    result[i] = c;
        }
        return result;
    }
}

/// <summary>Accuracy with its Wilson 95 % interval.</summary>
public sealed record Accuracy(double Top1, double Low, double High, int Samples)
{
    public static Accuracy Of(IReadOnlyList<int> predicted, IEnumerable<int> labels)
    {
        var right = predicted.Zip(labels).Count(p => p.First == p.Second);
        var (low, high) = Statistics.WilsonInterval(right, predicted.Count);
        return new Accuracy((double)right / predicted.Count, low, high, predicted.Count);
    }
}
