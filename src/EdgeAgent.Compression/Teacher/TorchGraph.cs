using EdgeAgent.Compression.Runtime;
using EdgeAgent.Graph.Ir;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Teacher;

/// <summary>Gives the constant of a name as a float32 (or already converted) tensor; what it is computed from gets gradients.</summary>
public delegate Tensor ParameterLookup(string constant);

/// <summary>Replaces the value of a name, e.g. by its fake-quantized form; returns the argument to leave it.</summary>
public delegate Tensor ValueTap(string value, Tensor computed);

/// <summary>
/// Runs a graph on libtorch, differentiably. The graph gives the structure, a <see cref="ParameterLookup"/> the numbers, so
/// that one executor serves the frozen teacher, a slice of shared weights and a fake-quantized student alike.
/// With <c>bfloat16</c>, convolutions and what lies between them run in bfloat16, channels last in memory; batch-norm
/// parameters, spatial means, dense layers and everything before the first convolution stay float32.
/// </summary>
public sealed class TorchGraph
{
    private readonly GraphSpec _graph;
    private readonly ScalarType _type;
    private readonly Dictionary<string, int> _uses = [];
    private readonly HashSet<string> _overwritable = [];
    private readonly Dictionary<string, NormTail> _tails;
    private readonly HashSet<string> _withinTails;

    public TorchGraph(GraphSpec graph, bool bfloat16)
    {
        if (graph.Inputs.Count != 1 || graph.Outputs.Count != 1)
            throw new NotSupportedException($"graph {graph.Name} has {graph.Inputs.Count} inputs and {graph.Outputs.Count} outputs; models with one input and one output can be trained");
        _graph = graph;
        _type = bfloat16 ? ScalarType.BFloat16 : ScalarType.Float32;
        foreach (var name in graph.Nodes.SelectMany(n => n.Inputs).Concat(graph.Outputs.Select(o => o.Name)))
            _uses[name] = _uses.GetValueOrDefault(name) + 1;
        // Neither a convolution nor a batch-norm nor an addition needs its result to compute gradients, so a following
        // activation may overwrite it: one pass over memory less.
        foreach (var node in graph.Nodes)
            if (node.Op is Conv or BatchNormalization or Add && _uses.GetValueOrDefault(node.Output) == 1)
                _overwritable.Add(node.Output);
        _tails = NormTail.Find(graph, _uses);
        _withinTails = [.. _tails.Values.SelectMany(t => t.Within)];
    }

    /// <summary>Training passes over batch-norm momentum: new statistics enter with this weight.</summary>
    public double BatchNormMomentum { get; set; } = 0.1;

    /// <param name="input">Shape as the graph's input says, float32.</param>
    /// <param name="parameters">Numbers of the graph's constants.</param>
    /// <param name="training">Batch-norms normalise by the batch and update their statistics.</param>
    /// <param name="tap">Sees every value: the input first, then each node's output.</param>
    /// <returns>The output in float32; the caller disposes it (or its dispose scope does).</returns>
    public Tensor Run(Tensor input, ParameterLookup parameters, bool training, ValueTap? tap = null)
    {
        using var scope = NewDisposeScope();
        var values = new Dictionary<string, Tensor>();
        var remaining = new Dictionary<string, int>(_uses);
        var inputName = _graph.Inputs[0].Name;
        values[inputName] = tap is null ? input : tap(inputName, input);

        Tensor Value(string name) => values.TryGetValue(name, out var value) ? value : parameters(name);
        var fusing = training && tap is null;
        foreach (var node in _graph.Nodes)
        {
            if (fusing && _withinTails.Contains(node.Output))
                continue;
            var tail = fusing ? _tails.GetValueOrDefault(node.Output) : null;
            var results = tail is null ? Evaluate(node, Value, training, tap is null) : [Fused(tail, Value)];
            foreach (var (name, result) in node.Outputs.Zip(results))
                values[name] = tap is null ? result : tap(name, result);
            foreach (var name in tail?.Inputs ?? node.Inputs)
                if (name.Length > 0 && --remaining[name] == 0 && name != inputName && values.Remove(name, out var last))
                    ReleaseUnlessAlias(last, values[node.Output]);
        }
        var output = values[_graph.Outputs[0].Name];
        return (output.dtype == ScalarType.Float32 ? output.alias() : output.to(ScalarType.Float32)).MoveToOuterDisposeScope();
    }

    private static void ReleaseUnlessAlias(Tensor value, Tensor result)
    {
        // Autograd keeps what it needs; this gives back the rest as early as possible.
        if (!ReferenceEquals(value, result))
            value.Dispose();
    }

    /// <summary>A batch-norm in training and what follows it, in one pass where the kernels take it.</summary>
    private Tensor Fused(NormTail tail, Func<string, Tensor> get)
    {
        var (norm, names) = ((BatchNormalization)tail.Norm.Op, tail.Norm.Inputs);
        var (x, residual) = (get(names[0]), tail.Residual is { } name ? get(name) : null);
        if (FusedBatchNorm.Takes(x, residual))
            return FusedBatchNorm.Run(x, get(names[1]), get(names[2]), residual, get(names[3]), get(names[4]), BatchNormMomentum, norm.Epsilon, tail.Relu);
        var y = nn.functional.batch_norm(x, get(names[3]), get(names[4]), get(names[1]), get(names[2]), true, BatchNormMomentum, norm.Epsilon);
        if (residual is not null)
            y = y.Plus(residual);
        return tail.Relu ? y.relu_() : y;
    }

    private Tensor[] Evaluate(Node node, Func<string, Tensor> get, bool training, bool mayOverwrite)
    {
        var inputs = node.Inputs;
        Tensor In(int i) => get(inputs[i]);
        Tensor? Optional(int i) => i < inputs.Count && inputs[i].Length > 0 ? get(inputs[i]) : null;
        if (node.Op is RecurrentOperator recurrent)
            return TorchRecurrence.Run(recurrent, [.. Enumerable.Range(0, 8).Select(Optional)]);
        var overwrite = mayOverwrite && inputs.Count > 0 && _overwritable.Contains(inputs[0]);
        return
        [
            node.Op switch
            {
                Conv conv => Convolution(conv, In(0), In(1), Optional(2)),
                ConvTranspose conv => TorchOperators.Enlarged(conv, In(0), In(1), Optional(2)),
                Gemm gemm => Dense(gemm, In(0), In(1), Optional(2)),
                MatMul => matmul(Float(In(0)), Float(In(1))),
                BatchNormalization norm => nn.functional.batch_norm(In(0), In(3), In(4), In(1), In(2), training, BatchNormMomentum, norm.Epsilon),
                LayerNormalization norm => TorchOperators.Normalized(norm, In(0), In(1), Optional(2)),
                Relu when overwrite => In(0).relu_(),
                UnaryOperator unary => TorchOperators.Unary(unary, In(0)),
                BinaryOperator binary => TorchOperators.Binary(binary, In(0), In(1)),
                ComparisonOperator or LogicalOperator => TorchOperators.Compared(node.Op, In(0), In(1)),
                Not => In(0).logical_not(),
                Where => where(In(0), In(1), In(2)),
                Cast cast => In(0).to(TorchOperators.TypeOf(cast.To)),
                Concat concat => cat(inputs.Select(get).ToArray(), concat.Axis),
                MaxPool pool => Pools.Max(In(0), pool),
                AveragePool pool => Pools.Average(In(0), pool),
                GlobalAveragePool => Pools.Mean(In(0), SpatialAxes(In(0)), true),
                GlobalMaxPool => In(0).amax(SpatialAxes(In(0)), true),
                ReduceMean mean => Pools.Mean(In(0), Longs(mean.Axes), mean.KeepDims),
                ReduceOperator reduce => TorchOperators.Reduced(reduce, In(0)),
                ArgMax arg => In(0).argmax(arg.Axis, arg.KeepDims),
                Flatten flatten => Flattened(In(0), flatten.Axis),
                Reshape reshape => In(0).reshape(reshape.Shape.Select((s, i) => s == 0 ? get(inputs[0]).shape[i] : s).ToArray()),
                Transpose transpose => In(0).permute(Longs(transpose.Permutation)),
                Pad pad => Pools.Pad(In(0), pad.Pads, pad.Value),
                StridedSlice slice => TorchOperators.Sliced(slice, In(0)),
                Gather gather => TorchOperators.Gathered(gather.Axis, In(0), In(1)),
                Expand expand => TorchOperators.Expanded(expand.Shape, In(0)),
                Resize resize => TorchOperators.Resized(resize, In(0)),
                Softmax softmax => In(0).softmax(softmax.Axis),
                LogSoftmax softmax => In(0).log_softmax(softmax.Axis),
                Identity => In(0).alias(),
                _ => throw new NotSupportedException($"node '{node.Name}': operator {node.Op.Type} cannot be trained; trainable are the float operators of the graph IR, without QuantizeLinear and DequantizeLinear"),
            },
        ];
    }

    private Tensor Convolution(Conv conv, Tensor x, Tensor weight, Tensor? bias)
    {
        var window = conv.Window;
        var axes = window.Kernel.Length;
        x = x.to(_type);
        long[] strides = Longs(window.Strides);
        if (window.Kernel.All(k => k == 1) && window.Pads.All(p => p == 0) && conv.Groups == 1)
            return Pointwise(x, weight.to(_type), bias?.to(_type), strides);
        x = ChannelsLast(x);
        weight = weight.to(_type);
        bias = bias?.to(_type);
        var symmetric = true;
        for (var i = 0; i < axes; i++)
            symmetric &= window.Pads[i] == window.Pads[i + axes];
        if (!symmetric)
            x = Pools.Pad(x, [0, 0, .. window.Pads[..axes], 0, 0, .. window.Pads[axes..]], 0);
        long[] pads = symmetric ? Longs(window.Pads[..axes]) : new long[axes];
        return axes switch
        {
            2 => nn.functional.conv2d(x, weight, bias, strides, pads, Longs(window.Dilations), conv.Groups),
            1 => nn.functional.conv1d(x, weight, bias, strides[0], pads[0], window.Dilations[0], conv.Groups),
            _ => throw new NotSupportedException($"convolution over {axes} spatial axes cannot be trained; 1 and 2 are supported"),
        };
    }

    /// <summary>
    /// A 1x1 convolution is a matrix product over pixels. libtorch 2.10 (oneDNN 3.7.1) computes it wrongly in float32 channels last,
    /// and writes out of bounds, where a block of output channels is incomplete (16 to 80 channels, 256 to 512 with stride 2): the reorder
    /// of the weights zeroes what it has just written. Planar 3x3 convolutions have the same fault (24 to 32 channels), which is
    /// why everything here is channels last.
    /// </summary>
    private static Tensor Pointwise(Tensor x, Tensor weight, Tensor? bias, long[] strides)
    {
        for (var i = 0; i < strides.Length; i++)
            if (strides[i] > 1)
                x = x.slice(i + 2, 0, x.shape[i + 2], strides[i]);
        var y = x.movedim([1], [-1]).matmul(weight.flatten(1).t());
        return (bias is null ? y : y.Plus(bias)).movedim([-1], [1]);
    }

    private static Tensor Dense(Gemm gemm, Tensor a, Tensor b, Tensor? c)
    {
        a = Float(gemm.TransposeA ? a.t() : a);
        b = Float(gemm.TransposeB ? b.t() : b);
        var y = matmul(a, b);
        if (gemm.Alpha != 1)
            y = y.Times(gemm.Alpha);
        return c is null ? y : y.Plus(gemm.Beta == 1 ? Float(c) : Float(c).Times(gemm.Beta));
    }

    private static Tensor Flattened(Tensor x, int axis)
    {
        var rows = x.shape.Take(axis).Aggregate(1L, (a, b) => a * b);
        return x.reshape(axis == 0 ? [1, -1] : [rows, -1]);
    }

    internal static Tensor Float(Tensor x) => x.to(ScalarType.Float32);

    /// <summary>
    /// libtorch's convolutions follow the memory order of their input; channels last was 1.2 to 1.7 times as fast in
    /// bfloat16 as planar order on the shapes of a CIFAR ResNet. Without effect on values or shapes.
    /// </summary>
    private static Tensor ChannelsLast(Tensor x)
    {
        if (x.dim() != 4 || x.stride(1) == 1)
            return x;
        // One channel lies the same in either order; libtorch goes by the strides.
        return x.shape[1] == 1 ? x.contiguous().squeeze(1).unsqueeze(3).permute(0, 3, 1, 2) : x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
    }

    private static long[] SpatialAxes(Tensor x) => [.. Enumerable.Range(2, (int)x.dim() - 2).Select(i => (long)i)];

    private static long[] Longs(int[] values) => Array.ConvertAll(values, v => (long)v);
}
