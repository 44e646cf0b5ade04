using System.Diagnostics;
using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Packaging;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;
using TorchSharp;
using IrTensor = EdgeAgent.Graph.Ir.Tensor;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Reporting;

/// <summary>The layers of one quantized student, and what int8 does to each.</summary>
/// <param name="Activations">affine for u8 and s8, whose numbers are the same but for an offset; symmetric.</param>
/// <param name="SensitivityImages">Held-out images that the sensitivities were measured on.</param>
/// <param name="FloatTop1">Of the student without any rounding, on these images.</param>
/// <param name="ErrorImages">Held-out images that the int8 errors were measured on.</param>
public sealed record StudentLayers(string Student, string Activations, int SensitivityImages, double FloatTop1, int ErrorImages, IReadOnlyList<LayerReport> Layers);

/// <param name="Name">Of the node, as in the teacher.</param>
/// <param name="OutputShape">Of one image, channels first.</param>
/// <param name="TeacherChannels">Output channels of the teacher's node of that name; null where it has none.</param>
/// <param name="LogitError">Root mean square of what the logits change by when this layer alone rounds (weights and result), over that of the centred logits; null where the time did not suffice.</param>
/// <param name="Changed">Share of the images that then get another class.</param>
/// <param name="Top1">The student's accuracy with it.</param>
/// <param name="SqnrDb">Signal-to-quantization-noise ratio of the layer's result with everything in int8 (the simulation) against the float graph; null where not measured, or where there is no error.</param>
public sealed record LayerReport(
    string Name, string Type, IReadOnlyList<int> OutputShape, int? TeacherChannels, long Macs, long Parameters, double? LogitError, double? Changed, double? Top1, double? SqnrDb);

/// <summary>Measures <see cref="StudentLayers"/> on held-out images, within a time.</summary>
public static class LayerStudy
{
    /// <summary>Share of a run's budget that the layers of all students may take.</summary>
    public const double BudgetShare = 0.015;

    /// <summary>What one student's layers get in any case: enough for small ones, and more than the share of a budget of seconds.</summary>
    private static readonly TimeSpan ShortestLimit = TimeSpan.FromSeconds(1);

    private const int FewestImages = 16, MostImages = 256, ErrorImages = 32, ErrorBatch = 8;

    /// <summary>Images are held as tensors while every layer is tried on them.</summary>
    private const long MostPixelBytes = 64L << 20;

    /// <param name="written">The student; of its files the QDQ graph is simulated.</param>
    /// <param name="teacher">For the number of channels that each layer had.</param>
    public static StudentLayers Run(WrittenStudent written, GraphSpec teacher, BatchSource images, TimeSpan limit, CancellationToken cancellation)
    {
        limit = limit > ShortestLimit ? limit : ShortestLimit;
        var graph = written.Student.Graph;
        var quantization = TieAvoidance.Apply(graph, written.Student.Quantization with { Format = written.Format });
        var layers = Layers(graph);
        var sqnr = Sqnr(written.Qdq, graph, layers, images, limit / 3, cancellation);
        var (count, top1, sensitivities) = Sensitivities(graph, quantization, layers, images, limit * (2 / 3.0), cancellation);

        var values = ShapeInference.Infer(graph, batch: 1);
        var wide = ShapeInference.Infer(teacher, batch: 1);
        var teachers = teacher.Nodes.GroupBy(n => n.Name).ToDictionary(g => g.Key, g => wide[g.First().Output].Shape);
        var reports = new LayerReport[layers.Count];
        for (var i = 0; i < reports.Length; i++)
        {
            var (name, node, _) = layers[i];
            var shape = node is null ? values[graph.Inputs[0].Name].Shape : values[node.Output].Shape;
            var parameters = node?.Inputs.Skip(1).Sum(c => graph.Constants.TryGetValue(c, out var constant) ? constant.Count : 0L) ?? 0;
            reports[i] = new LayerReport(
                name, node?.Op.Type ?? "Quantize", shape[1..], node is not null && teachers.TryGetValue(node.Name, out var before) && before.Length > 1 ? before[1] : null,
                node is null ? 0 : GraphStatistics.MacsOf(node, values), parameters,
                sensitivities[i]?.LogitError, sensitivities[i]?.Changed, sensitivities[i]?.Top1, sqnr.Db[i]);
        }
        return new StudentLayers(written.Student.Shape.Name, written.Student.Symmetric ? "symmetric" : "affine", count, top1, sqnr.Images, reports);
    }

    /// <summary>Whatever rounds: the input (its node is null), and every node that makes a quantization of its own or has quantized weights.</summary>
    /// <returns>The value is where the rounding shows: behind a clamp, if the node has one.</returns>
    private static List<(string Name, Node? Node, string Value)> Layers(GraphSpec graph)
    {
        var points = QuantizationPoints.Of(graph);
        var own = points.Values.ToHashSet();
        var layers = new List<(string, Node?, string)> { (graph.Inputs[0].Name, null, graph.Inputs[0].Name) };
        var clamps = points.Clamped.Values.ToHashSet();
        foreach (var node in graph.Nodes)
        {
            var value = points.Clamped.GetValueOrDefault(node.Output, node.Output);
            var rounds = own.Contains(value) && !clamps.Contains(node.Output);
            if (rounds || points.Unquantized.Contains(node.Output) && node.Op is Conv or Gemm)
                layers.Add((node.Name, node, value));
        }
        return layers;
    }

    private static (int Images, double?[] Db) Sqnr(
        GraphSpec qdq, GraphSpec graph, List<(string Name, Node? Node, string Value)> layers, BatchSource images, TimeSpan limit, CancellationToken cancellation)
    {
        var shapes = ShapeInference.Infer(graph, -1);
        var values = layers.Where(l => l.Node is not null).Select(l => l.Value).Distinct().ToArray();
        var interpreter = new GraphInterpreter(graph with { Outputs = [.. values.Select(v => shapes[v])] });
        var simulation = new Int8Simulation(qdq);
        // Names of nodes are for people and need not be unique; of several with one name the first is looked at.
        var rows = layers.Select((l, i) => (Node: l.Node?.Name ?? graph.Inputs[0].Name + "_quantize", Index: i)).DistinctBy(r => r.Node).ToDictionary(r => r.Node, r => r.Index);
        var (signal, noise) = (new double[layers.Count], new double[layers.Count]);
        var start = Stopwatch.GetTimestamp();
        var done = 0;
        foreach (var batch in images.Sequential(ErrorBatch, ErrorImages, cancellation))
        {
            if (done > 0 && Stopwatch.GetElapsedTime(start) > limit)
                break;
            cancellation.ThrowIfCancellationRequested();
            var (count, length) = (batch.Labels.Length, batch.Input.Length / batch.Labels.Length);
            var exact = interpreter.Run(new Dictionary<string, IrTensor> { [graph.Inputs[0].Name] = IrTensor.Of(batch.Input, [count, .. images.SampleShape.Select(d => (int)d)]) });
            Parallel.For(0, count, sample =>
            {
                foreach (var (node, simulated) in simulation.Results(batch.Input[(sample * length)..((sample + 1) * length)]))
                {
                    if (!rows.TryGetValue(node, out var row))
                        continue;
                    var whole = layers[row].Node is null ? batch.Input : exact[layers[row].Value].Floats;
                    var (power, error) = Compare(whole.AsSpan(sample * simulated.Length, simulated.Length), simulated);
                    lock (signal)
                        (signal[row], noise[row]) = (signal[row] + power, noise[row] + error);
                }
            });
            done += count;
        }
        return (done, [.. signal.Zip(noise, (s, n) => s > 0 && n > 0 ? 10 * Math.Log10(s / n) : (double?)null)]);
    }

    private static (double Power, double Error) Compare(ReadOnlySpan<float> exact, ReadOnlySpan<float> rounded)
    {
        double power = 0, error = 0;
        for (var i = 0; i < exact.Length; i++)
        {
            double e = exact[i], d = e - rounded[i];
            power += e * e;
            error += d * d;
        }
        return (power, error);
    }

    private sealed record Sensitivity(double LogitError, double Changed, double Top1);

    private static (int Images, double FloatTop1, Sensitivity?[] PerLayer) Sensitivities(
        GraphSpec graph, QuantizationParameters quantization, List<(string Name, Node? Node, string Value)> layers, BatchSource images, TimeSpan limit, CancellationToken cancellation)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        using var parameters = new FrozenParameters(graph, bfloat16: false);
        var executor = new TorchGraph(graph, bfloat16: false);
        var most = (int)Math.Clamp(MostPixelBytes / (sizeof(float) * images.SampleShape.Aggregate(1L, (a, b) => a * b)), FewestImages, MostImages);
        var batches = images.Sequential(32, most, cancellation).Select(b => (Input: images.Tensor(b), b.Labels)).ToList();

        float[] Logits(Tensor input, Func<string, Tensor?>? weights = null, ValueTap? tap = null)
        {
            using var inner = torch.NewDisposeScope();
            return executor.Run(input, name => weights?.Invoke(name) ?? parameters.Lookup(name), training: false, tap).ToFloats();
        }

        var start = Stopwatch.GetTimestamp();
        var exact = new List<float[]>();
        foreach (var (input, _) in batches)
        {
            exact.Add(Logits(input));
            // What is left of the time must do for every layer on as many images again.
            if (Stopwatch.GetElapsedTime(start) * (layers.Count + 1.0) * (exact.Count + 1) / exact.Count > limit)
                break;
        }
        var labels = batches.Take(exact.Count).SelectMany(b => b.Labels).ToArray();
        var classes = exact.Zip(batches, (e, b) => Argmax.Rows(e, b.Labels.Length)).SelectMany(c => c).ToArray();

        var result = new Sensitivity?[layers.Count];
        for (var i = 0; i < layers.Count && (i == 0 || Stopwatch.GetElapsedTime(start) < limit * 2); i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var (_, node, value) = layers[i];
            var (weights, rounded) = (node?.Op is Conv or Gemm ? node.Inputs[1] : null, (Tensor?)null);
            if (weights is not null && graph.Constants.TryGetValue(weights, out var constant))
                rounded = Rounded(constant, quantization.WeightScales.GetValueOrDefault(weights));
            ActivationQuantization? activation = quantization.Activations.TryGetValue(value, out var given) ? given : null;
            double error = 0, power = 0;
            var changed = new List<int>();
            for (var b = 0; b < exact.Count; b++)
            {
                var logits = Logits(batches[b].Input, name => name == weights ? rounded : null, (name, computed) => name == value && activation is { } q ? Rounded(computed, q) : computed);
                changed.AddRange(Argmax.Rows(logits, batches[b].Labels.Length));
                var (batchPower, batchError) = Centred(exact[b], logits, batches[b].Labels.Length);
                (power, error) = (power + batchPower, error + batchError);
            }
            result[i] = new Sensitivity(
                power > 0 ? Math.Sqrt(error / power) : 0, (double)classes.Zip(changed).Count(p => p.First != p.Second) / labels.Length, (double)labels.Zip(changed).Count(p => p.First == p.Second) / labels.Length);
            rounded?.Dispose();
        }
        return (labels.Length, (double)labels.Zip(classes).Count(p => p.First == p.Second) / labels.Length, result);
    }

    private static (double Power, double Error) Centred(float[] exact, float[] changed, int rows)
    {
        double power = 0, error = 0;
        var classes = exact.Length / rows;
        for (var r = 0; r < rows; r++)
        {
            var mean = exact.Skip(r * classes).Take(classes).Average();
            for (var c = r * classes; c < (r + 1) * classes; c++)
            {
                double signal = exact[c] - mean, difference = exact[c] - changed[c];
                power += signal * signal;
                error += difference * difference;
            }
        }
        return (power, error);
    }

    private static Tensor Rounded(IrTensor weights, float[]? scales)
    {
        scales ??= WeightQuantization.Scales(weights);
        var integers = (sbyte[])WeightQuantization.Quantize(weights, scales).Data;
        var size = weights.Count / scales.Length;
        return IrTensor.Of(integers.Select((q, i) => q * scales[i / size]).ToArray(), weights.Shape).ToTorch();
    }

    private static Tensor Rounded(Tensor value, ActivationQuantization quantization)
    {
        using var scale = torch.tensor(quantization.Scale);
        return value.Within(quantization.Low, quantization.High).div(scale).round().mul(scale);
    }
}
