using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;
using TorchSharp;
using static TorchSharp.torch;
using IrTensor = EdgeAgent.Graph.Ir.Tensor;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Quantization;

/// <summary>
/// A student with simulated int8 arithmetic: weights rounded to 255 steps per output channel, activations to 256 steps per
/// tensor at exactly the points where the exported model quantizes, gradients passed straight through (Jacob et al., 2018).
/// The batch-norms are simulated folded: each layer's weight is a trained tensor times a fixed factor per output channel, so
/// that the optimizer sees the scale it saw in float training, while the rounding sees the folded weight that is exported.
/// </summary>
public sealed class QuantizedStudent : IDisposable
{
    /// <summary>Share of a batch's range in the running range of an activation.</summary>
    private const double RangeMomentum = 0.02;

    /// <summary>Ranges settle, then stand still, so that the weights can settle in them.</summary>
    public const double ObserveUntil = 0.5;

    private readonly ActivationFormat _format;
    private readonly GraphSpec _graph;
    private readonly TorchGraph _executor, _trainer;
    private readonly HashSet<string> _points;
    private readonly Dictionary<string, Layer> _layers = [];
    private readonly Dictionary<string, Tensor> _plain = [];
    private readonly Dictionary<string, Tensor> _ranges = [];
    private readonly List<TrainedTensor> _trained = [];

    /// <summary>A trained weight or bias, and the fixed factors that make the folded one of it.</summary>
    private sealed record Layer(Tensor Value, Tensor Factor, bool IsWeight);

    /// <param name="student">A float student with its batch-norms.</param>
    public QuantizedStudent(GraphSpec student, ActivationFormat format)
    {
        _format = format;
        _graph = Simplification.ForQuantization(student).Verify();
        _executor = new TorchGraph(_graph, bfloat16: false);
        // Training may round a little more than the files will; what they will do is computed in float32.
        _trainer = TorchRuntime.HasBfloat16 ? new TorchGraph(_graph, bfloat16: true) : _executor;
        _points = [.. QuantizationPoints.Of(_graph).Values];
        foreach (var node in _graph.Nodes)
            if (node.Op is Conv or Gemm && _graph.Constants.TryGetValue(node.Inputs[1], out var weight))
                AddLayer(node, weight);
        foreach (var (name, constant) in _graph.Constants)
            if (!_layers.ContainsKey(name) && constant.Type is ElementType.Float32 or ElementType.Int64)
                _plain[name] = constant.ToTorch().DetachFromDisposeScope();
        foreach (var point in _points)
            _ranges[point] = tensor(new[] { float.PositiveInfinity, float.NegativeInfinity }).DetachFromDisposeScope();
    }

    public Trainee Trainee(DistillationLoss loss) => new(_trained, _ranges.OrderBy(r => r.Key, StringComparer.Ordinal).Select(r => ($"range/{r.Key}", r.Value)), input =>
    {
        using var scope = NewDisposeScope();
        var observing = input.Progress < ObserveUntil;
        var logits = _trainer.Run(input.Input, Weight, training: false, (name, value) => Activation(name, value, observing));
        var error = loss.Of(logits, input.Teacher!, input.Labels, progress: 1);
        error.backward();
        return error.item<float>();
    });

    /// <summary>Sets the ranges from plain images: after it the student is a post-training quantized one.</summary>
    public void Calibrate(IEnumerable<Tensor> batches)
    {
        using var _ = no_grad();
        foreach (var batch in batches)
        {
            using var scope = NewDisposeScope();
            _executor.Run(batch, Weight, training: false, (name, value) =>
            {
                if (_points.Contains(name))
                    Observe(name, value);
                return value;
            });
        }
    }

    public double Top1(Data.BatchSource batches, CancellationToken cancellation, int limit = int.MaxValue) =>
        TorchAccuracy.Top1(_executor, Weight, batches, cancellation, limit, (name, value) => Activation(name, value, observing: false));

    /// <summary>The trained float graph, batch-norms folded, and how to quantize it: what <see cref="QdqRewrite"/> takes.</summary>
    public (GraphSpec Graph, QuantizationParameters Parameters) Export()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var constants = new Dictionary<string, IrTensor>(_graph.Constants);
        foreach (var (name, layer) in _layers)
            constants[name] = Folded(layer).ToIr();
        var activations = _points.ToDictionary(p => p, Range);
        return ((_graph with { Constants = constants }).Verify(), new QuantizationParameters(_format, activations, new Dictionary<string, float[]>()));
    }

    public void Dispose()
    {
        foreach (var layer in _layers.Values)
        {
            layer.Value.Dispose();
            layer.Factor.Dispose();
        }
        foreach (var tensor in _plain.Values.Concat(_ranges.Values))
            tensor.Dispose();
    }

    private void AddLayer(Node node, IrTensor weight)
    {
        if (_layers.ContainsKey(node.Inputs[1]))
            return;
        var rows = weight.Shape[0];
        var length = weight.Count / rows;
        var factors = new float[rows];
        for (var r = 0; r < rows; r++)
        {
            var squares = 0.0;
            foreach (var w in weight.Floats.AsSpan(r * length, length))
                squares += (double)w * w;
            // As WeightScaling: filters of norm sqrt(2); the dense head keeps its scale, it has no norm behind it.
            factors[r] = node.Op is Gemm || squares < 1e-20 ? 1 : (float)Math.Sqrt(squares / 2);
        }
        var broadcast = Enumerable.Repeat(1L, weight.Shape.Length).ToArray();
        broadcast[0] = rows;
        Add(node.Inputs[1], weight, tensor(factors).reshape(broadcast), isWeight: true);
        if (node.Inputs.Count > 2 && node.Inputs[2].Length > 0 && !_layers.ContainsKey(node.Inputs[2]))
            Add(node.Inputs[2], _graph.Constants[node.Inputs[2]], tensor(factors), isWeight: false);
    }

    private void Add(string name, IrTensor folded, Tensor factor, bool isWeight)
    {
        var value = folded.ToTorch().div(factor).detach().DetachFromDisposeScope();
        value.requires_grad = true;
        _layers[name] = new Layer(value, factor.DetachFromDisposeScope(), isWeight);
        _trained.Add(new TrainedTensor(name, value, isWeight));
    }

    private static Tensor Folded(Layer layer) => layer.Value.mul(layer.Factor);

    private Tensor Weight(string name)
    {
        if (!_layers.TryGetValue(name, out var layer))
            return _plain[name];
        var folded = Folded(layer);
        if (!layer.IsWeight)
            return folded;
        var rows = folded.shape[0];
        var scales = folded.detach().abs().reshape(rows, -1).amax([1L]).Over(127).AtLeast(1e-9);
        return StraightThrough(folded, scales.reshape([rows, .. Enumerable.Repeat(1L, (int)folded.dim() - 1)]));
    }

    private Tensor Activation(string name, Tensor value, bool observing)
    {
        if (!_points.Contains(name))
            return value;
        if (observing)
            Observe(name, value);
        var range = Range(name);
        // The gradient is that of the clamp: values beyond the range learn nothing from what they cannot change.
        var lowest = _format == ActivationFormat.Int8Symmetric ? -range.High : range.Low;
        if (Bfloat16Memory.Holds(value))
            return FakeQuantization.Run(value, (float)lowest, (float)range.High, range.Scale);
        using var scale = tensor(range.Scale);
        return StraightThrough(value.to(ScalarType.Float32).Within(lowest, range.High), scale);
    }

    /// <summary>
    /// Rounds to multiples of the scale, half to even, with the gradient of the identity. The zero point does not appear: it is an
    /// integer, and moving by it commutes with rounding.
    /// </summary>
    private static Tensor StraightThrough(Tensor value, Tensor scale)
    {
        using var scope = NewDisposeScope();
        Tensor error;
        using (no_grad())
        {
            var plain = value.detach();
            error = plain.div(scale).round_().mul_(scale).sub_(plain);
        }
        return value.Plus(error).MoveToOuterDisposeScope();
    }

    private void Observe(string name, Tensor value)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var seen = value.detach();
        var range = _ranges[name];
        var old = range.data<float>();
        var (low, high) = Bfloat16Memory.Holds(seen) ? FakeQuantization.RangeOf(seen) : (seen.min().to(ScalarType.Float32).item<float>(), seen.max().to(ScalarType.Float32).item<float>());
        if (float.IsFinite(old[0]))
            (low, high) = ((float)(old[0] + (low - old[0]) * RangeMomentum), (float)(old[1] + (high - old[1]) * RangeMomentum));
        range.copy_(tensor(new[] { low, high }));
    }

    private ActivationQuantization Range(string name)
    {
        var range = _ranges[name].data<float>();
        return ActivationQuantization.Covering(range[0], range[1], _format);
    }
}
