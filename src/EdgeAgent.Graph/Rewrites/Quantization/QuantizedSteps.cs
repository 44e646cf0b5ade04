using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>Reads a QDQ graph, ours or another tool's, as the integer operators it stands for.</summary>
internal static class QuantizedSteps
{
    /// <returns>The steps in order; every output of the graph is the output of a step, or a DequantizeLinear of one (then it is a step of its own).</returns>
    /// <exception cref="InvalidGraphException">A value is not quantized where it must be; the message names the node.</exception>
    public static IReadOnlyList<QuantizedStep> Of(GraphSpec graph) => new Reader(QuantizedDenseToGemm.Apply(QuantizedConstants(graph))).Read();

    /// <summary>Weights that other tools leave in float32 in front of their QuantizeLinear become the integers that it makes of them.</summary>
    private static GraphSpec QuantizedConstants(GraphSpec graph)
    {
        bool IsKnown(Node node) => node.Op is QuantizeLinear && node.Inputs.All(i => i.Length == 0 || graph.Constants.ContainsKey(i));
        if (!graph.Nodes.Any(IsKnown))
            return graph;
        var constants = graph.Constants.ToDictionary(c => c.Key, c => c.Value);
        foreach (var node in graph.Nodes.Where(IsKnown))
            constants[node.Output] = ConstantFolding.Compute(node, graph.Constants)[node.Output];
        return graph with { Nodes = [.. graph.Nodes.Where(n => !IsKnown(n))], Constants = constants };
    }

    private sealed class Reader(GraphSpec graph)
    {
        private readonly ILookup<string, Node> _readers = graph.Nodes
            .SelectMany(n => n.Inputs.Distinct().Select(i => (Input: i, Node: n))).ToLookup(p => p.Input, p => p.Node);

        private readonly HashSet<string> _outputs = [.. graph.Outputs.Select(o => o.Name)];

        /// <summary>Dequantized value to the quantized one behind it.</summary>
        private readonly Dictionary<string, string> _quantized = [];

        private readonly Dictionary<string, ActivationQuantization> _quantizations = [];

        /// <summary>Dequantized constants.</summary>
        private readonly Dictionary<string, Node> _constants = [];

        private readonly HashSet<Node> _absorbed = [];
        private readonly List<QuantizedStep> _steps = [];

        public IReadOnlyList<QuantizedStep> Read()
        {
            foreach (var node in graph.Nodes)
            {
                if (_absorbed.Contains(node))
                    continue;
                if (node.Op is DequantizeLinear)
                    ReadDequantize(node);
                else if (node.Op is QuantizeLinear)
                    ReadQuantize(node);
                else
                    ReadOperator(node);
            }
            return _steps;
        }

        private void ReadDequantize(Node node)
        {
            var quantized = node.Inputs[0];
            if (graph.Constants.ContainsKey(quantized))
            {
                _constants[node.Output] = node;
                return;
            }
            var quantization = Quantization(node);
            // An input in integers has the quantization that its first reader says.
            if (graph.Inputs.Any(i => i.Name == quantized))
                _quantizations.TryAdd(quantized, quantization);
            if (!_quantizations.TryGetValue(quantized, out var made) || made != quantization)
                throw Fault(node, "dequantizes with another scale or zero point than the value was quantized with");
            _quantized[node.Output] = quantized;
            if (_outputs.Contains(node.Output))
                _steps.Add(new(node, [quantized], node.Output, null, null, null));
        }

        private void ReadQuantize(Node node)
        {
            var quantization = Quantization(node);
            // Another quantization for a value that has one already.
            if (_quantized.TryGetValue(node.Inputs[0], out var quantized))
            {
                _quantizations[node.Output] = quantization;
                _steps.Add(new(node, [quantized], node.Output, quantization, null, null));
                return;
            }
            if (graph.Inputs.All(i => i.Name != node.Inputs[0]))
                throw Fault(node, $"quantizes '{node.Inputs[0]}', which other nodes read as float; quantize the graph with QdqRewrite");
            _quantizations[node.Output] = quantization;
            _steps.Add(new(node, [node.Inputs[0]], node.Output, quantization, null, null));
        }

        private void ReadOperator(Node node)
        {
            var weights = node.Op is Conv or Gemm ? Weights(node) : null;
            var read = weights is null ? node.Inputs : node.Inputs.Take(1);
            if (node.Op is BinaryOperator)
                foreach (var operand in node.Inputs)
                    if (_constants.TryGetValue(operand, out var constant) && !_quantizations.ContainsKey(operand))
                        ReadConstant(constant);
            var inputs = read.Select(i => _quantized.GetValueOrDefault(i, i)).ToList();
            var floating = inputs.Any(i => !_quantizations.ContainsKey(i));
            if (floating && node.Op is not (Softmax or ArgMax or Cast or Reshape or Flatten or Identity))
                throw Fault(node, $"reads '{inputs.First(i => !_quantizations.ContainsKey(i))}', which is not quantized");
            var (output, quantization, clamp) = Output(node);
            // Elements that are only moved stay the integers they are, written so or not.
            if (quantization is null && !floating && node.Op is Transpose or Reshape or Flatten or Identity or StridedSlice && !_outputs.Contains(output))
            {
                quantization = _quantizations[inputs[0]];
                _quantized[output] = output;
            }
            if (quantization is { } q)
                _quantizations[output] = q;
            _steps.Add(new(node, inputs, output, quantization, clamp, weights));
        }

        /// <summary>A constant operand: a value like any other, which no operator computes.</summary>
        private void ReadConstant(Node node)
        {
            var (values, quantization) = (graph.Constants[node.Inputs[0]], Quantization(node));
            if (values.Type != graph.Constants[node.Inputs[2]].Type)
                throw Fault(node, "has a zero point of another type than its values");
            _quantizations[node.Output] = quantization;
            var offset = values.Type == ElementType.Int8 ? 128 : 0;
            _steps.Add(new(node, [], node.Output, quantization, null, null) { Constant = Array.ConvertAll(Quantizing.Integers(values), q => (byte)(q + offset)) });
        }

        /// <summary>Follows the result through a clamp to its QuantizeLinear.</summary>
        private (string Output, ActivationQuantization? Quantization, Operator? Clamp) Output(Node node)
        {
            if (OnlyReader(node.Output) is not { } next)
                return (node.Output, null, null);
            if (next.Op is Relu or Clip && OnlyReader(next.Output) is { Op: QuantizeLinear } quantize)
            {
                _absorbed.UnionWith([next, quantize]);
                return (quantize.Output, Quantization(quantize), next.Op);
            }
            if (next.Op is not QuantizeLinear)
                return (node.Output, null, null);
            _absorbed.Add(next);
            return (next.Output, Quantization(next), null);
        }

        private Node? OnlyReader(string value)
        {
            var readers = _readers[value].Take(2).ToArray();
            return readers.Length == 1 && !_outputs.Contains(value) ? readers[0] : null;
        }

        private QuantizedWeights Weights(Node node)
        {
            if (node.Op is Gemm and not { Alpha: 1, Beta: 1, TransposeA: false, TransposeB: true })
                throw Fault(node, "only alpha = beta = 1 with weights [outputs, inputs] can be lowered");
            if (!_constants.TryGetValue(node.Inputs[1], out var dequantize))
                throw Fault(node, $"its weights '{node.Inputs[1]}' are not quantized constants");
            var values = graph.Constants[dequantize.Inputs[0]];
            if (!graph.Constants.ContainsKey(dequantize.Inputs[1]) || !graph.Constants.ContainsKey(dequantize.Inputs[2]) || values.Shape.Length < 2)
                throw Fault(node, "its weights are not quantized with constant scales and zero points");
            if (values.Type != ElementType.Int8 || Quantizing.Integers(graph.Constants[dequantize.Inputs[2]]).Any(z => z != 0))
                throw Fault(node, "its weights are not int8 with zero point 0");
            var (channels, scale) = (values.Shape[0], graph.Constants[dequantize.Inputs[1]].Floats);
            if (scale.Length != 1 && (scale.Length != channels || ((DequantizeLinear)dequantize.Op).Axis is var axis && axis != 0 && axis != -values.Shape.Length))
                throw Fault(node, "its weights have scales along another axis than the output channels");
            var scales = scale.Length == channels ? scale : [.. Enumerable.Repeat(scale[0], channels)];
            var (bias, usable) = Bias(node, (sbyte[])values.Data, scales);
            return new((sbyte[])values.Data, usable, bias, values.Shape);
        }

        /// <summary>
        /// In units of input scale times weight scale, as the sums are. Some tools give it so, others another scale or real numbers, which
        /// are rounded to it; where weights are all zero, and the scale is next to nothing, it is one that the bias fits.
        /// </summary>
        private (int[] Bias, float[] Scales) Bias(Node node, sbyte[] weights, float[] scales)
        {
            if (node.Inputs.Count < 3 || node.Inputs[2].Length == 0)
                return (new int[scales.Length], scales);
            var input = _quantized.TryGetValue(node.Inputs[0], out var quantized) ? _quantizations[quantized] : throw Fault(node, $"reads '{node.Inputs[0]}', which is not quantized");
            if (!_constants.TryGetValue(node.Inputs[2], out var dequantize))
                return graph.Constants.TryGetValue(node.Inputs[2], out var real) && real.Type == ElementType.Float32
                    ? Rounded(real.Floats)
                    : throw Fault(node, $"its bias '{node.Inputs[2]}' is no constant");
            if (!graph.Constants.TryGetValue(dequantize.Inputs[1], out var stored) || stored.Count != 1 && stored.Count != scales.Length)
                throw Fault(node, "its bias is not quantized with constant scales");
            return graph.Constants[dequantize.Inputs[0]] is { Data: int[] integers } && Enumerable.Range(0, scales.Length).All(IsThatOfSums)
                ? (integers, scales)
                : Rounded(ConstantFolding.Compute(dequantize, graph.Constants)[dequantize.Output].Floats);

            bool IsThatOfSums(int c)
            {
                // Of channels that are always zero it may be smaller than float32 can tell.
                var expected = (double)input.Scale * scales[c];
                return Math.Abs(stored.Floats[c % stored.Count] - expected) <= 1e-5 * expected + float.Epsilon;
            }

            (int[] Bias, float[] Scales) Rounded(float[] bias)
            {
                if (bias.Length != scales.Length)
                    throw Fault(node, $"has {bias.Length} biases for {scales.Length} channels");
                var usable = WeightQuantization.Usable(scales, bias, input.Scale);
                var size = weights.Length / scales.Length;
                for (var c = 0; c < scales.Length; c++)
                    if (usable[c] != scales[c] && weights.AsSpan(c * size, size).ContainsAnyExcept((sbyte)0))
                        throw Fault(node, $"the bias {bias[c]} of channel {c} is out of the range of sums in steps of {input.Scale * scales[c]}");
                return ((int[])WeightQuantization.QuantizeBias(bias, usable, input.Scale).Bias.Data, usable);
            }
        }

        /// <summary>Scale and zero point of a per-tensor QuantizeLinear or DequantizeLinear, stated for u8.</summary>
        private ActivationQuantization Quantization(Node node)
        {
            if (!graph.Constants.TryGetValue(node.Inputs[1], out var scale) || scale.Count != 1
                || !graph.Constants.TryGetValue(node.Inputs[2], out var zero) || zero.Type is not (ElementType.UInt8 or ElementType.Int8))
                throw Fault(node, "activations need one constant scale and an 8-bit zero point");
            return new(scale.Floats[0], (byte)(Quantizing.Integers(zero)[0] + (zero.Type == ElementType.Int8 ? 128 : 0)));
        }

        private static InvalidGraphException Fault(Node node, string what) => new($"node '{node.Name}' ({node.Op.Type}): {what}");
    }
}
